"""Recognise mail that a machine wrote, so that machines do not answer each other for ever. Pure.

Two questions, because a support address is often a mailing list itself: a person's mail that came through one must
start a clock and be answered by a person, yet gets no automatic answer.
"""

import re

from channels.email.mime import ParsedMail

# The headers of vacation programs that know nothing of RFC 3834.
_AUTO_REPLY_HEADERS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-autoreply-from", "x-mail-autoreply")
# Written by programs that send reports and newsletters.
_MACHINE_HEADERS = ("feedback-id", "x-failed-recipients", "x-github-reason")

_LIST_HEADERS = ("list-id", "list-unsubscribe", "list-post", "list-help", "mailing-list", "x-mailing-list")

_NO_ONE = re.compile(
    r"(mailer-?daemon|postmaster|no-?reply|do-?not-?reply|noreply[\w.+-]*|bounces?[\w.+=-]*|auto-?reply)@",
    re.IGNORECASE,
)
_OUT_OF_OFFICE = re.compile(
    r"""\s*(?:
        auto(?:matic)?[ -]?(?:reply|response|answer|antwort)\b | out\ of(?:\ the)?\ office\b | automatische\ antwort\b
      | abwesenheits?(?:notiz|nachricht|assistent|meldung)?\b | r[ée]ponse\ automatique\b | absence\ du\ bureau\b
      | respuesta\ autom[áa]tica\b | fuera\ de(?:\ la)?\ oficina\b | risposta\ automatica\b | fuori\ sede\b
      | resposta\ autom[áa]tica\b | automatisch\ antwoord\b | afwezig(?:heid)?\b | odpowied[źz]\ automatyczna\b
      | autosvar\b | automatiskt\ svar\b | automaattinen\ vastaus\b | автоматический\ ответ | автоматична\ відповідь
      | автоответ | 自動応答 | 自動返信 | 不在通知 | 自动回复 | 自動回覆
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def is_auto_reply(mail: ParsedMail) -> bool:
    """Say whether a program answered in somebody's name: out of office, an acknowledgement, a read receipt."""
    headers = mail.headers
    return (
        _keyword(headers.first("auto-submitted")) == "auto-replied"
        or _keyword(headers.first("precedence")) in {"auto_reply", "auto-reply"}
        or any(headers.has(name) for name in _AUTO_REPLY_HEADERS)
        or mail.root.type_parameters.get("report-type", "").lower() == "disposition-notification"
        or bool(_OUT_OF_OFFICE.match(mail.subject))
    )


def is_automatic(mail: ParsedMail, *, envelope_sender: str | None = None) -> bool:
    """Say whether a machine wrote this mail: it reopens nothing and starts no clock.

    `envelope_sender` is MAIL FROM, "" for the empty one; None when the door did not see it. Sources: RFC 3834, 5
    (Auto-Submitted); RFC 5321, 4.5.5 (the empty return path).
    """
    headers = mail.headers
    return (
        is_auto_reply(mail)
        or _keyword(headers.first("auto-submitted")) not in {"", "no"}
        or _keyword(headers.first("precedence")) in {"bulk", "junk"}
        or _has_empty_return_path(mail, envelope_sender)
        or any(headers.has(name) for name in _MACHINE_HEADERS)
        or mail.root.content_type == "multipart/report"
        or bool(mail.sender and _NO_ONE.match(mail.sender.address))
    )


def forbids_automatic_answer(mail: ParsedMail, *, envelope_sender: str | None = None) -> bool:
    """Say whether no program may answer this mail, though a person may.

    Beside automatic mail these are mailing lists (RFC 3834, 2; RFC 2919) and who asks for silence
    (X-Auto-Response-Suppress: [MS-OXCMAIL], 2.2.3.2.14), and mail that names nobody to answer.
    """
    headers = mail.headers
    wishes = {_keyword(wish) for wish in headers.first("x-auto-response-suppress").split(",")}
    return (
        mail.sender is None
        or is_automatic(mail, envelope_sender=envelope_sender)
        or bool(wishes - {"", "none", "dr", "rn", "nrn"})
        or _keyword(headers.first("precedence")) == "list"
        or any(headers.has(name) for name in _LIST_HEADERS)
    )


def _has_empty_return_path(mail: ParsedMail, envelope_sender: str | None) -> bool:
    if envelope_sender is not None:
        return envelope_sender.strip("<> ") == ""
    return any(value.strip() == "<>" for value in mail.headers.undecoded("return-path"))


def _keyword(value: str) -> str:
    """Return a header's first word in lower case, without its parameters and comments."""
    return re.split(r"[;(\s]", value.strip(), maxsplit=1)[0].lower()
