"""What follows from what. The one table; nothing else in the program makes one part act on another's behalf."""

from collections.abc import Mapping, Sequence

import structlog

from api import acknowledging, assigning, calling, calling_back, recorded
from channels import delivery, erasure, moved
from channels.errors import TransientFailure
from channels.events import (
    CallAbandoned,
    CallArrived,
    CallbackBooked,
    CallbackCancelled,
    CallbackDone,
    CallbackDue,
    CallbackMoved,
    CallbackTried,
    CalledAgain,
    CallEnded,
    CallEnding,
    CallerReturned,
    CallHeld,
    CallOffered,
    CallResumed,
    CallTransferred,
    LegEnded,
    LegPickedUp,
    MediaAnnounced,
    RecordingDeleted,
    RecordingFetched,
    ReplyRerouted,
    SupervisionChanged,
    TalkRecorded,
    TranscriptAdded,
    VoicemailRecorded,
)
from channels.phone import answering, callback_attempts, ending, leaving, merged
from channels.texting import media
from sla import promises, timekeeper
from sla.events import PromiseKept, PromiseMade, PromiseWithdrawn, SLARearmed
from ticketing import assignment, jobs, journal, search
from ticketing.erasure import forget_files
from ticketing.events import (
    AgentFreed,
    AssignmentDue,
    CustomerAnswered,
    CustomerLost,
    CustomersMerged,
    CustomersUnmerged,
    Entry,
    FieldsChanged,
    LiveBegan,
    LiveEnded,
    MessageReceived,
    NoteWritten,
    PriorityChanged,
    ReplyWritten,
    SkillsChanged,
    StatusChanged,
    SubjectChanged,
    TagsChanged,
    TicketAbsorbed,
    TicketAssigned,
    TicketErased,
    TicketMerged,
    TicketMoved,
    TicketOpened,
    TicketReleased,
    TicketReopened,
    TicketResolved,
    TicketSnoozed,
    TicketSplit,
    TicketWoke,
    WordsOutdated,
)
from ticketing.models import JournalEntry
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()


def _deliver(entry: Entry) -> None:
    retry_deliveries(entry.ticket_id)


def _fetch_media(entry: Entry) -> None:
    if isinstance(entry.event, MediaAnnounced):
        media.fetch(entry.event.message_id, now=utc_now)


def _drain(entry: Entry) -> None:
    if isinstance(entry.event, AssignmentDue):
        assigning.drain(entry.event.queue_id)


def _drain_for(entry: Entry) -> None:
    if isinstance(entry.event, AgentFreed):
        assigning.drain_for(entry.event.agent_id)


def _discard_files(entry: Entry) -> None:
    if isinstance(entry.event, TicketErased) and not forget_files(entry.event.files, now=utc_now()):
        raise TransientFailure("somebody kept one of the files just now; it is looked at again when that is over")


def _drop_words(entry: Entry) -> None:
    """Take what was erased out of the index of words for good; of many erasures in a row, the last one does it."""
    if journal.is_followed(entry):
        return
    first = more = True
    while more:
        with transaction("worker"):
            more = search.drop_deleted(first=first)
        first = False


def _index_again(entry: Entry) -> None:
    if isinstance(entry.event, WordsOutdated):
        with transaction("worker"):
            search.reindex(entry.event.tickets)


# In the same transaction as the event: database only.
AT_ONCE: Mapping[type, Sequence[journal.AtOnce]] = {
    TicketOpened: [timekeeper.observe, assignment.ask_for_agent, search.observe],
    MessageReceived: [timekeeper.observe, search.observe, acknowledging.acknowledge],
    ReplyWritten: [timekeeper.observe, search.observe, callback_attempts.replied, leaving.end_kept_place],
    NoteWritten: [search.observe],
    TicketAssigned: [timekeeper.observe, assignment.free_agent, callback_attempts.take, answering.follow],
    TicketReleased: [
        *(timekeeper.observe, assignment.ask_for_agent, assignment.free_agent),
        *(callback_attempts.give_back, answering.follow),
    ],
    TicketMoved: [timekeeper.observe, assignment.ask_for_agent],
    StatusChanged: [timekeeper.observe, assignment.ask_for_agent, assignment.free_agent],
    TicketResolved: [timekeeper.observe, assignment.free_agent, callback_attempts.solved],
    TicketReopened: [timekeeper.observe, assignment.part_from_who_has_left, assignment.ask_for_agent],
    TicketSnoozed: [timekeeper.observe, assignment.free_agent],
    TicketWoke: [timekeeper.observe, assignment.ask_for_agent],
    LiveBegan: [timekeeper.observe, assignment.ask_for_agent],
    CustomerAnswered: [timekeeper.observe, callback_attempts.spoke],
    CustomerLost: [timekeeper.observe, assignment.ask_for_agent],
    LiveEnded: [timekeeper.observe],
    CalledAgain: [answering.follow],
    CallEnded: [ending.follow, callback_attempts.ended],
    CallAbandoned: [callback_attempts.abandoned],
    CallbackBooked: [calling_back.promise],
    CallbackMoved: [calling_back.promise_anew],
    CallbackDue: [assignment.ask_for_agent, callback_attempts.ring_who_has_it],
    CallbackTried: [calling_back.keep],
    CallbackDone: [calling_back.keep],
    CallbackCancelled: [calling_back.withdraw],
    TicketMerged: [timekeeper.observe, moved.follow, assignment.free_agent, search.observe],
    TicketAbsorbed: [timekeeper.observe, promises.follow_merge, merged.settle, search.observe],
    TicketSplit: [timekeeper.observe, moved.follow, assignment.ask_for_agent, search.observe],
    SubjectChanged: [search.observe],
    PriorityChanged: [timekeeper.observe],
    TagsChanged: [timekeeper.observe],
    FieldsChanged: [timekeeper.observe],
    SkillsChanged: [assignment.ask_for_agent],
    SLARearmed: [timekeeper.observe],
    PromiseMade: [timekeeper.observe],
    PromiseKept: [timekeeper.observe],
    PromiseWithdrawn: [timekeeper.observe],
    TicketErased: [erasure.forget, promises.forget_words, search.observe],
    TalkRecorded: [search.observe],
    TranscriptAdded: [search.observe],
    RecordingDeleted: [search.observe],
    CustomersMerged: [search.observe],
    CustomersUnmerged: [search.observe],
}

# After the commit, by the workers, at least once: each is safe to do twice.
AFTERWARDS: Mapping[type, Sequence[journal.Afterwards]] = {
    ReplyWritten: [_deliver],
    ReplyRerouted: [_deliver],
    TicketAbsorbed: [_deliver],
    CallArrived: [recorded.take_in_what_came_early],
    VoicemailRecorded: [recorded.take_in_what_came_early, recorded.fetch],
    TalkRecorded: [recorded.take_in_what_came_early, recorded.fetch],
    RecordingFetched: [recorded.transcribe, recorded.delete_theirs],
    RecordingDeleted: [recorded.discard],
    MediaAnnounced: [_fetch_media],
    CallOffered: [calling.ring],
    LegPickedUp: [calling.bring_together],
    LegEnded: [calling.free_agent, calling.cut_leg],
    CallerReturned: [calling.bring_back],
    CallHeld: [calling.set_hold],
    CallResumed: [calling.set_hold],
    CallTransferred: [calling.coach_anew],
    SupervisionChanged: [calling.supervise],
    CallEnding: [calling.cut_call],
    AssignmentDue: [_drain],
    AgentFreed: [_drain_for],
    TicketErased: [_drop_words, _discard_files, recorded.forget_theirs],
    WordsOutdated: [_index_again],
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
