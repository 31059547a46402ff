"""Say of each line of a mail what it is: new words, a quote, the beginning of an older mail, a signature. Pure.

Every pattern sees at most MAX_LINE characters, because some take quadratic time.
"""

import re
from enum import StrEnum

MAX_LINE = 200
MAX_LINES = 5_000  # the lines after these are only asked whether they are quotes
LOOK_BACK = 6  # an attribution is wrapped over at most so many lines
LOOK_AHEAD = 2
HEADER_LINES = 8


class Kind(StrEnum):
    """What a line is."""

    EMPTY = "empty"
    TEXT = "text"
    QUOTE = "quote"  # > words
    ATTRIBUTION = "attribution"  # On Monday Jane wrote:
    OLDER = "older"  # -----Original Message-----, or a block of From:, Sent:, To:, Subject:
    MARKER = "marker"  # our own line above which the customer was asked to answer
    SIGNATURE_MARK = "signature mark"  # "-- "
    RULE = "rule"  # _______
    DEVICE = "device"  # Sent from my phone


# How mail programs say "wrote", in the languages whose programs say it: en de fr es it pt nl pl sv/da/no fi ru uk cs ro
# hu tr et ja zh ko.
_VERB = re.compile(
    r"""\b(?:wrote|writes|schrieb|schreibt|a\ écrit|écrivait|escribió|escribio|ha\ scritto|escreveu|geschreven|schreef
      |napisał(?:a|\(a\))?|pisze|skrev|kirjoitti|написал(?:а|\(а\))?|писал(?:а|\(а\))?|пишет|написав|пише|napsal(?:a|\(a\))?
      |a\ scris|írta|yazdı|kirjutas)\b | 写道 | 寫道 | 書きました | のメール | 님이\ 작성""",
    re.IGNORECASE | re.VERBOSE,
)
_OPENER = re.compile(
    r"\W*(?:(?:On|Am|Le|El|Il|Em|No dia|Op|W dniu|Dnia|Den|På|Pe|Dne|At|În)\b|\d{1,4}[-./ ]|\d{4}年|在|于|於)",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[:：][\s*]*$|-{2,}\s*$")
_WHO_OR_WHEN = re.compile(r"[\w.+-]@[\w.-]|\b(?:19|20)\d\d\b|\d{4}年|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\d{1,2}:\d\d")
# Gmail's Japanese and Russian end in an address and have no verb; once it wrote just a date and a name.
_DATED_NAME = re.compile(r"\s*\d{4}-\d\d-\d\d \d{1,2}:\d\d (?:GMT|UTC)[+-]\d\d:\d\d \S.{1,100}$")
_DATED_ADDRESS = re.compile(r"(?=.*(?:19|20)\d\d)(?=.*\d{1,2}[:.]\d\d).*<[^<>\s]+@[^<>\s]+>\s*[:：]\s*$")

_QUOTE = re.compile(r"[ \t]*(?:[A-Za-z]{0,3}[>＞]|\|\s)")
_MARKER = re.compile(r"[>\s*|]*##[-\s].{3,150}[-\s]##[\s*]*$")
_SIGNATURE_MARK = re.compile(r"\s{0,3}(?:--|__|—|–)\s*$")
_RULE = re.compile(r"\s*([-_=*~#+])\1{2,}\s*$|\s*(?:[-_] ?){10,}\s*$")
_NOTHING = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\u1427]*$")

_OLDER = re.compile(
    r"""[\s>*]*(?:-{2,}|_{2,})\s*(?:
        original\ message | original\ appointment | forwarded\ (?:message|by) | begin\ forwarded\ message
      | ursprüngliche\ (?:nachricht|mail) | weitergeleitete\ nachricht
      | message\ (?:d['’]origine|original|transféré|initial)
      | mensaje\ (?:original|reenviado) | messaggio\ (?:originale|inoltrato) | mensagem\ (?:original|encaminhada)
      | oorspronkelijk\ bericht | doorgestuurd\ bericht | (?:wiadomość\ oryginalna|oryginalna\ wiadomość)
      | ursprungligt\ meddelande | oprindelig\ (?:meddelelse|besked) | opprinnelig\ melding | alkuperäinen\ viesti
      | (?:исходное|пересылаемое|оригинальное)\ сообщение | (?:оригінальне|вихідне)\ повідомлення
      | 元のメッセージ | (?:原始|转发)(?:邮件|郵件) | původní\ zpráva | eredeti\ üzenet | mesajul\ original )""",
    re.IGNORECASE | re.VERBOSE,
)

# Who, when, to whom, about what: the four that Outlook and its kin repeat above an older mail.
_FROM = re.compile(
    r"[>\s*]*(?:From|De|Von|Da|Van|Od|Från|Fra|Lähettäjä|От|От кого|Від|Від кого|差出人|发件人|寄件者|보낸 사람)"
    r"[\s\xa0]?\*?[:：]",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"[>\s*]*(?:Subject|Betreff|Objet|Asunto|Oggetto|Assunto|Onderwerp|Temat|Ämne|Emne|Aihe|Тема|件名|主题|主旨|Předmět|제목)"
    r"[\s\xa0]?\*?[:：]",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"""[>\s*]*(?:Sent|Date|To|Cc|Reply-To|Organization|Gesendet|Datum|An|Envoyé|À|A|Cc|Enviado
      |Enviada(?:\ em)?|Fecha|Data|Para|CC|Inviato|Verzonden|Aan|Wysłano|Do|DW|Skickat|Till|Kopia|Sendt
      |Dato|Til|Lähetetty|Päivämäärä|Vastaanottaja|Kopio
      |Отправлено|Дата|Кому|Копия|Надіслано|Копія|送信日時|日時|宛先|发送时间|收件人|抄送|日期|寄件日期|收件者)[\s\xa0]?\*?[:：]""",
    re.IGNORECASE | re.VERBOSE,
)

_DEVICE = re.compile(
    r"""[\W_]*(?:
        sent\ (?:from|with|via|by|using)\ (?:my|a|an|the)?\ ?\W?(?:[\w.]+[^\w.]+){0,4}
          (?:i?phone|ipad|ipod|mobile|android|galaxy|mail|mailbox|outlook|airmail|blackberry|device|tablet|pc|cell
          |windows|app|gmail|yahoo|proton)\b
      | sent\ (?:from|via)\ my\ [\w.-]+(?:\ [\w.-]+){0,5}
          (?:[,.\ ]{1,3}(?:please|sorry|excuse).*)?\W*$
      | from\ my\ (?:i?phone|ipad|mobile|android|galaxy|blackberry) | \w+\ from\ mobile\W*$
      | get\ \W?outlook\ for | envoyé\ (?:depuis|de|à\ partir\ de|avec)\ (?:mon|ma|l|un|Yahoo|Outlook|Proton)
      | télécharge[rz]\ outlook
      | (?:gesendet|geschickt)\ (?:von|mit|über)\ (?:meine|der|dem|outlook|mail|yahoo|gmx|web)
      | (?:von\ meinem|diese\ nachricht\ wurde)\ .{2,90}\ (?:gesendet|geschickt)
      | enviad[oa]\ (?:desde|do|de|a\ partir\ d)
      | inviato\ (?:da|dal|con)\b | (?:verzonden|verstuurd)\ (?:met|vanaf|vanuit|via)\b | sendt\ (?:fra|via|med)\b
      | (?:skickat|skickades)\ från\b | lähetetty\ | wysłan[eoy]\ (?:z|ze|za)\b
      | отправлено\ (?:с|из|от)\b | надіслано\ (?:з|із)\b
      | \w*から送信 | 发自(?:我的)? | 發自 | [從从]我的.{1,40}(?:傳送|发送) | 나의\ .{1,30}에서\ 보냄 )""",
    re.IGNORECASE | re.VERBOSE,
)


def kinds_of(lines: list[str]) -> list[Kind]:
    """Return the kind of each line."""
    short = [line[:MAX_LINE].rstrip() for line in lines[:MAX_LINES]]
    kinds = [_kind(line) for line in short]
    for at in range(len(short)):
        start, end = _attribution(short, kinds, at)
        kinds[start:end] = [Kind.ATTRIBUTION] * (end - start)
    for at, line in enumerate(short):
        if kinds[at] is Kind.TEXT and _FROM.match(line):
            end = _header_block(short, at)
            kinds[at:end] = [Kind.OLDER] * (end - at)
    return kinds + [_plain_kind(line) for line in lines[MAX_LINES:]]


def _kind(line: str) -> Kind:
    for kind, pattern in _LINES:
        if pattern.match(line):
            return kind
    return Kind.DEVICE if len(line) <= 120 and _DEVICE.match(line) else Kind.TEXT


def _plain_kind(line: str) -> Kind:
    if line.startswith(">"):
        return Kind.QUOTE
    return Kind.TEXT if line.strip() else Kind.EMPTY


_LINES = (
    (Kind.EMPTY, _NOTHING),
    (Kind.MARKER, _MARKER),
    (Kind.QUOTE, _QUOTE),
    (Kind.SIGNATURE_MARK, _SIGNATURE_MARK),
    (Kind.RULE, _RULE),
    (Kind.OLDER, _OLDER),
    (Kind.ATTRIBUTION, _DATED_NAME),
    (Kind.ATTRIBUTION, _DATED_ADDRESS),
)


def _attribution(lines: list[str], kinds: list[Kind], at: int) -> tuple[int, int]:
    """Return the span of the attribution whose verb stands in line `at`, (at, at) if there is none."""
    nothing = (at, at)
    if kinds[at] not in {Kind.TEXT, Kind.QUOTE} or not _VERB.search(lines[at]):
        return nothing
    end = next((i + 1 for i in range(at, min(at + 1 + LOOK_AHEAD, len(lines))) if _ENDS.search(lines[i])), 0)
    if not end or any(kinds[i] is Kind.EMPTY for i in range(at, end)):
        return nothing
    start = _beginning(lines, kinds, at)
    if not _WHO_OR_WHEN.search(" ".join(lines[start:end])):
        return nothing
    # A quoted attribution belongs to the quote around it; but programs break lines before "> wrote:".
    quoted = all(kinds[i] in {Kind.QUOTE, Kind.EMPTY} for i in range(start, end))
    return nothing if quoted else (start, end)


def _beginning(lines: list[str], kinds: list[Kind], at: int) -> int:
    for i in range(at, max(-1, at - LOOK_BACK), -1):
        if kinds[i] in {Kind.TEXT, Kind.QUOTE} and _OPENER.match(lines[i]) and _opens(lines[i]):
            return i
    # Name <address> wrote:, with the address on its own line.
    wraps = at > 0 and kinds[at - 1] is Kind.TEXT and lines[at].lstrip().startswith("<")
    return at - 1 if wraps else at


def _opens(line: str) -> bool:
    return any(char.isdigit() for char in line) or bool(_VERB.search(line))


def _header_block(lines: list[str], at: int) -> int:
    """Return where the block of headers that begins at `at` ends, `at` if it is none.

    It needs a subject or an address: "From: Paris, To: London" is a journey.
    """
    last, headers, has_subject = at, 1, False
    for i in range(at + 1, min(at + 1 + HEADER_LINES, len(lines))):
        is_subject = bool(_SUBJECT.match(lines[i]))
        if is_subject or _HEADER.match(lines[i]):
            last, headers, has_subject = i, headers + 1, has_subject or is_subject
    has_address = any("@" in line for line in lines[at : last + 1])
    return last + 1 if headers >= 3 and (has_subject or has_address) else at
