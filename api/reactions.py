"""What follows from what. The one table; nothing else in the program makes one part act on another's behalf."""

from collections.abc import Mapping, Sequence

import structlog

from channels import delivery
from channels.errors import TransientFailure
from channels.events import VoicemailRecorded
from channels.phone import recordings
from sla import timekeeper
from ticketing import jobs, journal
from ticketing.events import (
    Entry,
    ReplyWritten,
    TicketOpened,
    TicketResolved,
)
from ticketing.models import JournalEntry
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()


def _deliver(entry: Entry) -> None:
    retry_deliveries(entry.ticket_id)


def _fetch_recording(entry: Entry) -> None:
    if isinstance(entry.event, VoicemailRecorded):
        recordings.fetch(entry.event.call_id, now=utc_now)


# In the same transaction as the event: database only.
AT_ONCE: Mapping[type, Sequence[journal.AtOnce]] = {
    TicketOpened: [timekeeper.observe],
    ReplyWritten: [timekeeper.observe],
    TicketResolved: [timekeeper.observe],
}

# After the commit, by the workers, at least once: each is safe to do twice.
AFTERWARDS: Mapping[type, Sequence[journal.Afterwards]] = {
    ReplyWritten: [_deliver],
    VoicemailRecorded: [_fetch_recording],
}

REACTIONS = journal.Reactions(AT_ONCE, AFTERWARDS, job="api.reactions.carry_out")


def carry_out(entry_id: int) -> None:
    """Let what follows from one journal entry happen, then note that it has. Safe to call twice."""
    row = db.session().get(JournalEntry, entry_id)
    if row is None or row.dispatched_at is not None:
        return
    entry = journal.entry_of(row)
    db.session().rollback()  # ends the read: a reaction may take long, and opens its own transactions
    try:
        for reaction in AFTERWARDS.get(type(entry.event), ()):
            reaction(entry)
    except TransientFailure as error:  # a provider is not ready yet: the sweep comes by
        log.warning("put off", entry_id=entry_id, kind=entry.event.kind(), reason=str(error))
        return
    with transaction("worker"):
        journal.mark_dispatched(entry_id, at=utc_now())


def retry_deliveries(ticket_id: int) -> None:
    """Go on sending what waits on a ticket; a long queue goes on in another job."""
    if delivery.deliver(ticket_id, now=utc_now):
        jobs.wake("api.reactions.retry_deliveries", [ticket_id])
