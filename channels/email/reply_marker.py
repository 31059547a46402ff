"""The line above which the customer is asked to answer; `compose` puts it above the history that it quotes. Pure.

Its form is the same in every language: `##-`, a blank, words, a blank, `-##`, alone on its line and short enough that
no mail program wraps it. Whoever translates the words keeps the form, and `is_marker` knows the line again, behind
quote marks too. A Markdown heading (`## Words ##`) is none.
"""

import re

MARKERS = {
    "en": "##- Please write your answer above this line -##",
    "cs": "##- Odpověď prosím napište nad tento řádek -##",
    "da": "##- Skriv venligst dit svar over denne linje -##",
    "de": "##- Bitte schreiben Sie Ihre Antwort über diese Zeile -##",
    "es": "##- Por favor, escriba su respuesta encima de esta línea -##",
    "fi": "##- Kirjoita vastauksesi tämän rivin yläpuolelle -##",
    "fr": "##- Merci d'écrire votre réponse au-dessus de cette ligne -##",
    "it": "##- Scriva la Sua risposta sopra questa riga -##",
    "ja": "##- ご返信はこの行より上にお書きください -##",
    "ko": "##- 이 줄 위에 답장을 작성해 주세요 -##",
    "nb": "##- Skriv svaret ditt over denne linjen -##",
    "nl": "##- Schrijf uw antwoord boven deze regel -##",
    "pl": "##- Prosimy o odpowiedź powyżej tej linii -##",
    "pt": "##- Por favor, escreva a sua resposta acima desta linha -##",
    "ru": "##- Пожалуйста, пишите ответ выше этой строки -##",
    "sv": "##- Skriv ditt svar ovanför den här raden -##",
    "tr": "##- Lütfen yanıtınızı bu satırın üstüne yazın -##",
    "uk": "##- Будь ласка, пишіть відповідь над цим рядком -##",
    "zh": "##- 请在此行上方回复 -##",
}
TRADITIONAL_CHINESE = "##- 請在此行上方回覆 -##"
_TRADITIONAL = ("zh-hant", "zh-tw", "zh-hk", "zh-mo")

_MARKER = re.compile(r"[>\s*|]{0,40}##-\s.{1,150}\s-##[\s*|]*$")


def marker(language: str = "") -> str:
    """Return the line for a reader of `language`, an IETF tag; in English when it is unknown or "" ."""
    tag = language.lower().replace("_", "-")
    if tag.startswith(_TRADITIONAL):
        return TRADITIONAL_CHINESE
    base = tag.partition("-")[0]
    return MARKERS.get("nb" if base in {"no", "nn"} else base, MARKERS["en"])


def is_marker(line: str) -> bool:
    """Say whether a line is a marker in whatever language, quoted or not."""
    return _MARKER.match(line) is not None
