"""Tell who opens a ticket by mail that it has arrived, and by when we answer. AT_ONCE in api/reactions.py."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from sla import rules
from sla.agreement import Metric
from sla.models import Clock
from ticketing import automatic_answers, journal
from ticketing.envelope import Channel
from ticketing.events import Entry, MessageReceived
from ticketing.inboxes import ACKNOWLEDGED_EVERY
from ticketing.models import Inbox, Message, Ticket
from ticketing.placeholders import fill
from ticketing.store import db
from ticketing.templates.deadlines import by_when
from ticketing.templates.rendering import wordings
from ticketing.wording import choose, values_of

TEMPLATE = "acknowledgement"
LONGEST_NAME = 60  # of somebody whom we do not know; what is longer, or an address on the web, is no name


def acknowledge(ticket: Ticket, entry: Entry) -> None:
    """Write the acknowledgement of a mail that opened a ticket, where its inbox wants one, in the mail's transaction.

    The timekeeper has started the ticket's clocks. Nothing is asked of the database before it is clear that there is
    something to acknowledge.
    """
    event = entry.event
    if not isinstance(event, MessageReceived) or event.channel != Channel.EMAIL or event.automatic:
        return
    if ticket.inbox_id is None or not journal.was_opened(ticket):
        return
    message = db.session().get_one(Message, event.message_id)
    wanted = _wanted(message.inbox)
    if wanted is None or not automatic_answers.may_be_answered(message):
        return
    window = timedelta(seconds=wanted.get("window_seconds", ACKNOWLEDGED_EVERY))
    if automatic_answers.claim(message, window=window, at=entry.at):
        words = _words(ticket, message, wanted.get("bodies", {}))
        automatic_answers.answer(ticket, message, words, at=entry.at)


def _wanted(inbox: Inbox | None) -> Mapping[str, Any] | None:
    """Return how the inbox acknowledges mail, None if it does not."""
    wanted: Mapping[str, Any] = inbox.settings.get("acknowledge", {}) if inbox is not None else {}
    return wanted if wanted.get("enabled") else None


def _words(ticket: Ticket, message: Message, own: Mapping[str, str]) -> str:
    """Return the words in the customer's language, else the mail's, else the inbox's; the inbox's own before others."""
    inbox = message.inbox
    fallback = inbox.settings.get("language", "") if inbox is not None else ""
    wanted = ticket.customer.language or message.data.get("language", "") or fallback
    bodies = {language: one.body for language, one in wordings(TEMPLATE).items()} | dict(own)
    language, body = choose(bodies, wanted)
    values = values_of(ticket, None) | {"answer.when": _when(ticket, language, message.created_at)}
    for name in ("customer.name", "customer.first_name"):
        values[name] = _harmless(values[name])
    return fill(body, values)


def _when(ticket: Ticket, language: str, at: datetime) -> str:
    """Return by when the first answer is due, in words, "" where nothing is promised.

    An agreement that counts this very message as the answer promises no other one.
    """
    if ticket.due_at is None:
        return ""
    query = select(Clock).where(Clock.ticket_id == ticket.id, Clock.metric == Metric.FIRST_RESPONSE)
    query = query.where(Clock.met_at.is_(None), Clock.cancelled_at.is_(None), Clock.due_at > at)
    clock = db.session().scalar(query.options(joinedload(Clock.calendar)).limit(1))
    if clock is None or clock.due_at is None or clock.policy_id is None:
        return ""
    if rules.in_force().agreement(clock.policy_id).automatic_answers_count:
        return ""
    theirs = ticket.customer.time_zone
    ours = clock.calendar.definition["time_zone"] if clock.calendar is not None else "UTC"
    return by_when(clock.due_at, language, theirs or ours, name_zone=not theirs)


def _harmless(name: str) -> str:
    """Return the name that somebody gave themselves, "" where it may be an advertisement sent by us to others."""
    return "" if len(name) > LONGEST_NAME or any(mark in name for mark in "/@:\\") or "www." in name.lower() else name
