"""Recognise mail that says that our mail did not arrive: about whom, about which message, and for how long. Pure.

First the standard report (RFC 3464); then the words of the odd mail servers, many of which flufl.bounce knows. A
person may forward a bounce, answer one or complain of one, and sends none: words count only in mail that a machine
wrote by all signs, or that has the very form of a known mail server's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from channels.email.bounce_words import BOUNCED_SUBJECT, NOT_DELIVERED, human_words, is_from_daemon, named, scanned
from channels.email.diagnosis import Verdict, diagnose, explain
from channels.email.headers import Headers
from channels.email.loops import has_empty_return_path, is_automatic, is_out_of_office
from channels.email.mime import ParsedMail
from channels.email.quoting import is_forward
from channels.email.reports import (
    ADDRESS,
    DELIVERY,
    DISPOSITION,
    address_in,
    blocks,
    report_type,
    returned_id,
)

MAX_RECIPIENTS = 50
_ARRIVED = {"delivered", "relayed", "expanded"}

_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY_CODE = re.compile(r"(?<![\d.:-])([45])\d\d(?=[ -](?:[^\d]|[45]\.\d))")
# Not a forward's everywhere (VS answers in Finnish, and forwards in Danish), but no machine's anywhere.
_PERSONS = re.compile(r"\s*(?:vs|i)\s*:", re.IGNORECASE)


@dataclass(frozen=True)
class Bounce:
    """A mail that did not arrive, or not yet. `recipient` and `status` are "" when it does not say."""

    recipient: str
    status: str  # an enhanced status code, RFC 3463
    hard: bool  # the address itself is of no use; otherwise it may work another time or for another mail
    delayed: bool  # the server still tries: nothing is lost yet
    reason: str  # for an agent to read: what it means, and the server's words, shortened
    message_id: str | None  # of the mail that did not arrive
    certain: bool  # a machine sent it, by all signs: not only its words say so


def read_bounce(mail: ParsedMail, *, envelope_sender: str | None = None) -> Bounce | None:
    """Return what a bounce says of the first recipient, None when the mail is no bounce; see read_bounces."""
    return next(iter(read_bounces(mail, envelope_sender=envelope_sender)), None)


def read_bounces(mail: ParsedMail, *, envelope_sender: str | None = None) -> tuple[Bounce, ...]:
    """Return what a bounce says of each recipient whom the mail did not reach: those who never will be first.

    Nothing when the mail is no bounce: complaints, receipts, absences and mail that a person passed on are none.
    `envelope_sender` is MAIL FROM, "" for the empty one; None when the door did not see it.
    """
    signs = _Signs.of(mail, envelope_sender)
    if report_type(mail) == "feedback-report":
        return ()
    if report_type(mail) == "disposition-notification":
        return _refused_by_a_filter(mail)
    reported = [block for block in blocks(mail, DELIVERY) if _is_about_somebody(block)] if signs.any else []
    if reported:
        return _from_report(mail, reported[:MAX_RECIPIENTS], signs)
    said = _from_words(mail, signs)
    return (said,) if said is not None else ()


@dataclass(frozen=True)
class Arrival:
    """A standard report of no loss; not `by_all`: it went on to where nothing more is told."""

    by_all: bool
    message_id: str | None


def read_arrival(mail: ParsedMail) -> Arrival | None:
    """Return what a standard report says that tells of no loss, None when the mail is none."""
    if report_type(mail) != "delivery-status":
        return None
    actions = {_word(block.first("action")) for block in blocks(mail, DELIVERY) if _is_about_somebody(block)}
    if not actions or not actions <= _ARRIVED:
        return None
    return Arrival(actions == {"delivered"}, _original_id(mail, trusting=True))


@dataclass(frozen=True)
class _Signs:
    """By what one sees that no person sent a mail."""

    is_report: bool
    has_no_return_path: bool
    is_daemons: bool
    answers: bool
    names_failed: bool
    is_automatic: bool

    @classmethod
    def of(cls, mail: ParsedMail, envelope_sender: str | None) -> "_Signs":
        return cls(
            is_report=report_type(mail) == "delivery-status" or mail.root.content_type in DELIVERY,
            has_no_return_path=has_empty_return_path(mail, envelope_sender),
            is_daemons=is_from_daemon(mail),
            answers=bool(mail.in_reply_to or mail.references),
            names_failed=mail.headers.has("x-failed-recipients"),
            is_automatic=is_automatic(mail, envelope_sender=envelope_sender) and not is_out_of_office(mail),
        )

    @property
    def formal(self) -> bool:
        return self.is_report or self.has_no_return_path

    @property
    def certain(self) -> bool:
        # Whoever keeps a house's mail may write from postmaster@ himself, and then answers something.
        return self.formal or self.names_failed or (self.is_daemons and not self.answers)

    @property
    def any(self) -> bool:
        return self.formal or self.names_failed or self.is_daemons or self.is_automatic


def _is_about_somebody(block: Headers) -> bool:
    return block.has("action") or block.has("final-recipient") or block.has("status")


def _from_report(mail: ParsedMail, reported: list[Headers], signs: _Signs) -> tuple[Bounce, ...]:
    lost = [block for block in reported if _word(block.first("action")) not in _ARRIVED]
    lost.sort(key=lambda block: _word(block.first("action")) != "failed")
    message_id = _original_id(mail, trusting=signs.formal or signs.names_failed)
    return tuple(_reported(mail, block, message_id, signs) for block in lost)


def _reported(mail: ParsedMail, block: Headers, message_id: str | None, signs: _Signs) -> Bounce:
    said = block.first("diagnostic-code")
    declared = _STATUS.search(block.first("status"))
    spoken = _STATUS.search(said)
    status = declared[1] if declared else ""
    # Servers that give no detail in Status (x.0.0) often do so in their words.
    if spoken and (not status or status.endswith(".0.0")):
        status = spoken[1]
    delayed = _word(block.first("action")) == "delayed"
    verdict = diagnose([said, human_words(mail)], status, delayed=delayed)
    return Bounce(
        recipient=_reported_address(block) or _failed_header(mail),
        status=status,
        hard=verdict is Verdict.HARD,
        delayed=delayed,
        reason=explain(status, verdict, _without_type(said), delayed=delayed),
        message_id=message_id,
        certain=signs.certain,
    )


def _from_words(mail: ParsedMail, signs: _Signs) -> Bounce | None:
    if not (signs.any or BOUNCED_SUBJECT.search(mail.subject[:200])):
        return None
    if is_forward(mail.subject) or _PERSONS.match(mail.subject) or is_out_of_office(mail):
        return None
    words = human_words(mail)
    temporary, permanent = scanned(mail)
    found = [*permanent, *temporary]
    if not signs.any and (signs.answers or not _says_itself(words, found)):
        return None
    delayed = bool(temporary and not permanent)
    status = next(iter(_STATUS.findall(words)), "")
    verdict = diagnose([words], status or _status_of_code(words), delayed=delayed)
    evidence = [
        bool(found) or signs.names_failed,
        bool(BOUNCED_SUBJECT.search(mail.subject)),
        bool(NOT_DELIVERED.search(words)),
        verdict is not Verdict.UNSAID or bool(status),
    ]
    if sum(evidence) < 2 and not (evidence[0] or (signs.is_daemons and any(evidence))):
        return None
    return Bounce(
        recipient=_failed_header(mail) or next(iter([*found, *named(words, mail)]), ""),
        status=status,
        hard=verdict is Verdict.HARD,
        delayed=delayed,
        reason=explain(status, verdict, words, delayed=delayed),
        message_id=_original_id(mail, trusting=signs.formal and evidence[0]),
        certain=signs.certain,
    )


def _says_itself(words: str, addresses: Iterable[str]) -> bool:
    """Say whether the scanner found an address in what is said, not in what is quoted or attached."""
    return any(address in words for address in addresses)


def _refused_by_a_filter(mail: ParsedMail) -> tuple[Bounce, ...]:
    """Read the notice of a mailbox that rejects mail: a read receipt that says `deleted`. RFC 5429, 2.2."""
    words = human_words(mail)
    for block in blocks(mail, DISPOSITION):
        if "deleted" in block.first("disposition").lower() and NOT_DELIVERED.search(words):
            verdict = diagnose([words], "")
            given = block.first("original-message-id").strip() or None
            return (
                Bounce(
                    recipient=_reported_address(block),
                    status="",
                    hard=verdict is Verdict.HARD,
                    delayed=False,
                    reason=explain("", verdict, words),
                    message_id=given or _original_id(mail, trusting=True),
                    certain=True,
                ),
            )
    return ()


def _reported_address(block: Headers) -> str:
    """Return whom we wrote to: the original recipient, before any forwarding, if the report tells."""
    fields = (block.first(name) for name in ("original-recipient", "final-recipient", "x-actual-recipient"))
    return next((address for field in fields if (address := address_in(field))), "")


def _failed_header(mail: ParsedMail) -> str:
    found = ADDRESS.search(mail.headers.first("x-failed-recipients")[:1_000])
    return found[0] if found else ""


def _status_of_code(words: str) -> str:
    found = _REPLY_CODE.search(words)
    return f"{found[1]}.0.0" if found else ""


def _original_id(mail: ParsedMail, *, trusting: bool) -> str | None:
    """Return the id of the mail that came back. What it answers to is trusted only of machines: persons answer too."""
    answered = [*mail.in_reply_to, *mail.references[::-1]] if trusting else []
    return returned_id(mail) or next(iter(answered), None)


def _without_type(said: str) -> str:
    """Return a Diagnostic-Code without the type in front: `smtp; 550 no such user`."""
    return said.partition(";")[2] if said.lower().startswith(("smtp;", "x-")) else said


def _word(value: str) -> str:
    return value.strip().partition(" ")[0].lower()
