"""Recognise mail that says that our mail did not arrive: about whom, about which message, and for how long. Pure.

First the standard report (RFC 3464); then the words of the odd mail servers, many of which flufl.bounce knows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes

from flufl.bounce import all_failures

from channels.email.diagnosis import Verdict, diagnose
from channels.email.headers import Headers, read_headers
from channels.email.loops import is_automatic
from channels.email.mime import ParsedMail
from channels.email.structure import Part

MAX_REPORT_BYTES = 65_536  # a report says what it has to say at its beginning
MAX_RECIPIENTS = 50
MAX_SCANNED_LINE = 400  # characters; an address and what stands around it

_REPORTS = {"message/delivery-status", "message/global-delivery-status"}
_ORIGINALS = {
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
}
_ARRIVED = {"delivered", "relayed", "expanded"}

_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY_CODE = re.compile(r"(?<![\d.:-])([45])\d\d(?=[ -](?:[^\d]|[45]\.\d))")
_ADDRESS = re.compile(r"[\w.+=!#$%&'*/?^{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")
# The scanner's patterns take quadratic time over both.
_LONG_BLANKS = re.compile(rb"(\r?\n| )\1{40,}")
_LONG_LINE = re.compile(rb"([^\n]{%d})[^\n]+" % MAX_SCANNED_LINE)
_ORIGINAL_ID = re.compile(r"^[> \t]*Message-ID:\s*(<[^<>\s]{1,996}>)", re.IGNORECASE | re.MULTILINE)
_DAEMON = re.compile(
    r"(?:mailer-?daemon|post_?master|mail-?delivery|bounce-?handler|mdaemon|mailerdaemon)[\w.+-]*@", re.IGNORECASE
)
_DAEMON_NAME = re.compile(r"mail(?:er)?[- ]?(?:delivery|daemon)|postmaster|mail delivery (?:sub)?system", re.IGNORECASE)
_NOT_DELIVERED = re.compile(
    r"""(?:could|can|was|were)\ ?(?:not|n't)\ (?:be\ )?(?:delivered|sent) | undeliverable
      | deliver(?:y|ing)\ .{0,40}fail | automatically\ rejected
      | unable\ to\ deliver | giving\ up | "notificationType":"Bounce" | addresses\ .{0,20}(?:fail|incorrect)
      | failed\ to\ deliver""",
    re.IGNORECASE | re.VERBOSE,
)
_SUBJECT = re.compile(
    r"""undeliver | (?:return|reject)ed\ mail
      | (?:mail|message)s?\ (?:status|delivery|could\ not|not\ delivered|returned)
      | delivery\ (?:status|failure|failed|notification|problem|error|report|has\ failed|unsuccess)
      | failure\ notice
      | could\ ?n[o']t\ (?:be\ delivered|deliver) | (?:failed|unable)\ to\ deliver | non[- ]?delivery
      | bounced?\ (?:mail|message)
      | returned\ to\ sender | nondeliverable | unzustellbar | non\ remis
      | (?:[ée]chec|rapport)\ de\ (?:la\ )?remise
      | nicht\ zugestellt | no\ se\ puede\ entregar | mancato\ recapito | notificatie\ .{0,20}bezorging
      | недоставлен
      | failed\ mail | mail\ failure | (?:automatically\ )?rejected\ mail | 配信不能 | 配信エラー | 退信""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Bounce:
    """A mail that did not arrive, or not yet. `recipient`, `status` and `reason` are "" when it does not say."""

    recipient: str
    status: str  # an enhanced status code, RFC 3463
    hard: bool  # the address itself is of no use; otherwise it may work another time or for another mail
    delayed: bool  # the server still tries: nothing is lost yet
    reason: str  # the server's words, shortened
    message_id: str | None  # of the mail that did not arrive


def read_bounce(mail: ParsedMail) -> Bounce | None:
    """Return what a bounce says, None when the mail is no bounce (complaints, receipts and absences are none)."""
    report_type = mail.root.type_parameters.get("report-type", "").lower()
    parts = list(mail.root.walk())
    if report_type in {"feedback-report", "disposition-notification"}:
        return None
    if any(part.content_type == "message/feedback-report" for part in parts):
        return None
    reported = _recipients(parts)
    if reported:
        return _from_report(mail, parts, reported)
    if not _may_be_one(mail):
        return None
    return _from_words(mail, parts)


def _recipients(parts: Iterable[Part]) -> list[Headers]:
    """Return the blocks of a delivery report that are about a recipient. RFC 3464, 2.3."""
    blocks: list[Headers] = []
    for part in parts:
        if part.content_type in _REPORTS:
            content = part.content[:MAX_REPORT_BYTES].replace(b"\r\n", b"\n")
            for block in re.split(rb"\n[ \t]*\n", content.strip())[: MAX_RECIPIENTS + 1]:
                headers, _ = read_headers(block, 0, len(block))
                if headers.has("action") or headers.has("final-recipient") or headers.has("status"):
                    blocks.append(headers)
    return blocks


def _from_report(mail: ParsedMail, parts: list[Part], reported: list[Headers]) -> Bounce | None:
    lost = [block for block in reported if _word(block.first("action")) not in _ARRIVED]
    if not lost:
        return None
    block = next((one for one in lost if _word(one.first("action")) == "failed"), lost[0])
    said = block.first("diagnostic-code")
    declared = _STATUS.search(block.first("status"))
    spoken = _STATUS.search(said)
    status = declared[1] if declared else ""
    # Servers that give no detail in Status (x.0.0) often do so in their words.
    if spoken and (not status or status.endswith(".0.0")):
        status = spoken[1]
    delayed = _word(block.first("action")) == "delayed"
    verdict = diagnose([said, _human_words(mail)], status, delayed=delayed)
    recipient = _reported_address(block) or _failed_header(mail)
    return _bounce(mail, parts, recipient, status, verdict, said, delayed=delayed)


def _from_words(mail: ParsedMail, parts: list[Part]) -> Bounce | None:
    words = _human_words(mail)
    temporary, permanent = _scanned(mail)
    addresses = _ADDRESS.findall(words)
    recipient = _failed_header(mail) or next(iter([*permanent, *temporary, *addresses]), "")
    status = next(iter(_STATUS.findall(words)), "")
    delayed = bool(temporary and not permanent)
    verdict = diagnose([words], status or _status_of_code(words), delayed=delayed)
    evidence = [
        bool(permanent or temporary or mail.headers.has("x-failed-recipients")),
        bool(_SUBJECT.search(mail.subject)),
        bool(_NOT_DELIVERED.search(words)),
        verdict is not Verdict.UNSAID or bool(status),
    ]
    if sum(evidence) < 2 and not (evidence[0] or (_is_from_daemon(mail) and any(evidence))):
        return None
    return _bounce(mail, parts, recipient, status, verdict, words, delayed=delayed)


def _bounce(
    mail: ParsedMail, parts: list[Part], recipient: str, status: str, verdict: Verdict, words: str, *, delayed: bool
) -> Bounce:
    reason = " ".join(words.partition(";")[2].split() if words.lower().startswith(("smtp;", "x-")) else words.split())
    return Bounce(
        recipient=recipient,
        status=status,
        hard=verdict is Verdict.HARD,
        delayed=delayed,
        reason=reason[:500],
        message_id=_original_id(mail, parts),
    )


def _may_be_one(mail: ParsedMail) -> bool:
    """Say whether it is worth looking: a person who forwards us a bounce sends none himself."""
    declared = mail.root.type_parameters.get("report-type", "").lower() == "delivery-status"
    return (
        declared
        or mail.headers.has("x-failed-recipients")
        or _is_from_daemon(mail)
        or _SUBJECT.search(mail.subject[:200]) is not None
        or is_automatic(mail)
    )


def _is_from_daemon(mail: ParsedMail) -> bool:
    if mail.sender is None:
        return bool(_DAEMON_NAME.search(mail.headers.first("from")))
    return bool(_DAEMON.match(mail.sender.address + "@") or _DAEMON_NAME.search(mail.sender.name))


def _scanned(mail: ParsedMail) -> tuple[list[str], list[str]]:
    """Return the addresses that flufl.bounce finds: (may still arrive, will not)."""
    shortened = _LONG_LINE.sub(rb"\1", _LONG_BLANKS.sub(rb"\1\1\1", mail.root.raw[:MAX_REPORT_BYTES]))
    try:
        temporary, permanent = all_failures(message_from_bytes(shortened))
    except (AttributeError, IndexError, KeyError, LookupError, RecursionError, TypeError, ValueError):
        return [], []  # it is not made for hostile mail
    return _as_texts(temporary), _as_texts(permanent)


def _as_texts(addresses: Iterable[bytes | str]) -> list[str]:
    texts = (one if isinstance(one, str) else one.decode("utf-8", "replace") for one in addresses)
    return sorted(text for text in texts if "@" in text)


def _human_words(mail: ParsedMail) -> str:
    """Return what the server says before it repeats our own mail, at most 4,000 characters."""
    text = mail.text[:20_000]
    return _COPY.split(text, maxsplit=1)[0][:4_000]


_COPY = re.compile(
    r"""^[ \t>*-]*(?:
        (?:this\ is\ a\ copy|original\ message|below\ this\ line|included\ is\ a\ copy|returned\ message
      | message\ header
      | unsent\ message|original\ mail|the\ body\ of\ the\ (?:mail|message)|a\ copy\ of\ (?:the|your)) .*
      | (?:received|return-path|mime-version|message-id|x-mailer|dkim-signature)\s*:.* )$""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)


def _reported_address(block: Headers) -> str:
    """Return whom we wrote to: the original recipient, before any forwarding, if the report tells."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        found = _ADDRESS.search(block.first(name).partition(";")[2] or block.first(name))
        if found:
            return found[0].strip("'")
    return ""


def _failed_header(mail: ParsedMail) -> str:
    found = _ADDRESS.search(mail.headers.first("x-failed-recipients"))
    return found[0] if found else ""


def _status_of_code(words: str) -> str:
    found = _REPLY_CODE.search(words)
    return f"{found[1]}.0.0" if found else ""


def _original_id(mail: ParsedMail, parts: Iterable[Part]) -> str | None:
    for part in parts:
        if part.content_type in _ORIGINALS:
            content = part.content[:MAX_REPORT_BYTES]
            found = _ORIGINAL_ID.search(content.decode("utf-8", "replace"))
            if found:
                return found[1]
    found = _ORIGINAL_ID.search(mail.text[:MAX_REPORT_BYTES])
    return found[1] if found else next(iter([*mail.in_reply_to, *mail.references[::-1]]), None)


def _word(value: str) -> str:
    return value.strip().partition(" ")[0].lower()
