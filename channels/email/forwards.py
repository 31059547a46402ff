"""Find the mail of a customer inside one that somebody passes on: as a file, or under the forwarding program's lines.

Pure. It says what may be; whether who passes it on is believed is for the intake to say (ticketing.intake).
"""

import re

from channels.email.addresses import Address, read_addresses
from channels.email.charsets import keepable
from channels.email.mime import ParsedMail, parse
from channels.email.quoting import is_forward
from ticketing.envelope import Forwarded, HandleKind, Sender

MAX_LINES = 500  # in which the older mail's headers are looked for
MAX_LINE = 500
MAX_NESTED = 5_000_000  # bytes of a mail that comes as a file
HEADER_LINES = 10

_FROM = re.compile(
    r"\W*(?:From|Von|De|Da|Van|Od|Från|Fra|Lähettäjä|От|От кого|Від|Від кого|差出人|发件人|寄件者)"
    r"[\s*]{0,3}[:：]\*?(.*)",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"""\W*(?:Subject|Betreff|Objet|Asunto|Oggetto|Assunto|Onderwerp|Temat|Ämne|Emne|Aihe|Тема|件名|主题|主旨
      |Date|Sent|Datum|Gesendet|Envoyé|Fecha|Enviado(?:\ el)?|Data|Inviato|Enviada?(?:\ em)?|Verzonden|Wysłano|Data
      |Skickat|Datum|Dato|Sendt|Lähetetty|Päiväys|Дата|Отправлено|Надіслано|日時|送信日時|日期|发送时间|時間
      |To|An|À|A|Para|Aan|Do|Till|Til|Vastaanottaja|Кому|宛先|To|收件人|收件者
      |Cc|Kopie|Kopia|Copie|Копия|Копія|抄送|Reply-To|Antwort\ an|Répondre\ à)[\s*]{0,3}[:：]""",
    re.IGNORECASE | re.VERBOSE,
)
_MARK = re.compile(r"\W*[-_]{3,}|.{0,100}[:：]\s*$")  # "---- Forwarded message ----", "Begin forwarded message:"
_QUOTED = re.compile(r"> ?")
_MAILTO = re.compile(r"\[mailto:([^\]\s]{3,254})\]", re.IGNORECASE)


def read_forward(mail: ParsedMail) -> Forwarded | None:
    """Return the mail that this one passes on, None if it seems to pass on none."""
    if not is_forward(mail.subject):
        return None
    return _as_a_file(mail) or _in_the_text(mail.text)


def _as_a_file(mail: ParsedMail) -> Forwarded | None:
    nested = [file for file in mail.files if file.content_type == "message/rfc822"]
    if len(nested) != 1 or len(nested[0].content) > MAX_NESTED:
        return None
    inner = parse(nested[0].content)
    return _forwarded(inner.sender, inner.text, mail.text) if inner.sender is not None else None


def _in_the_text(text: str) -> Forwarded | None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    short = [line[:MAX_LINE] for line in lines[:MAX_LINES]]
    for at, line in enumerate(short):
        found = _FROM.match(line)
        author = _author(found[1]) if found else None
        if author is not None:
            end = _end_of_headers(short, at)
            if end > at + 1:
                return _forwarded(author, _unquoted(lines[end:]), "\n".join(_above(lines[:at])))
    return None


def _author(value: str) -> Address | None:
    people = read_addresses([_MAILTO.sub(r"<\1>", value).replace("*", "")])
    return people[0] if people else None


def _end_of_headers(lines: list[str], at: int) -> int:
    """Return where the headers that begin with From end; right behind it if nothing else of a mail follows."""
    last = at
    for number in range(at + 1, min(at + 1 + HEADER_LINES, len(lines))):
        if _OTHER.match(lines[number]):
            last = number
        elif not lines[number].strip(" >"):
            break
    return last + 1


def _unquoted(lines: list[str]) -> str:
    """Return the older mail's words; Apple and others put a quote mark before each of its lines."""
    words = [line for line in lines if line.strip()]
    if words and all(line.startswith(">") for line in words):
        lines = [_QUOTED.sub("", line, count=1) for line in lines]
    return "\n".join(lines)


def _above(lines: list[str]) -> list[str]:
    """Return what was said above the older mail, without the line that announces it."""
    kept = list(lines)
    while kept and not kept[-1].strip(" >"):
        kept.pop()
    return kept[:-1] if kept and _MARK.match(kept[-1]) else kept


def _forwarded(author: Address, text: str, comment: str) -> Forwarded | None:
    words = text.strip()
    if not words:
        return None
    sender = Sender(HandleKind.EMAIL, keepable(author.address), keepable(author.name))
    return Forwarded(sender, keepable(words), keepable(comment.strip()))
