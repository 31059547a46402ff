"""The phone's tables: the agents' ends of calls, callbacks, recordings. `Call` is in `channels.models`."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from channels.models import Call
from ticketing.models import Agent, Attachment
from ticketing.store import Base


class LegRole(StrEnum):
    """What somebody of the desk does in a call."""

    AGENT = "agent"  # speaks with the customer
    CONSULT = "consult"  # is asked by the agent while the customer is on hold: a warm transfer
    LISTEN = "listen"  # hears both, heard by nobody
    WHISPER = "whisper"  # hears both, heard by the agent alone
    JOIN = "join"  # the third in the talk
    OUTSIDE = "outside"  # a number that the customer is handed on to


class CallLeg(Base):
    """The end of a call at somebody's device. Written before the provider is asked to ring it."""

    __tablename__ = "call_leg"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id"), index=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agent.id"), index=True)  # None: outside
    role: Mapped[LegRole]
    device: Mapped[str]  # client:…, sip:…, or E.164
    provider_id: Mapped[str | None] = mapped_column(unique=True)  # None: not asked yet, or no answer came
    state: Mapped[str]  # channels.phone.states.CallState
    reason: Mapped[str] = mapped_column(default="")  # why it ended without a talk, in words
    heard: Mapped[str] = mapped_column(default="")  # of the room's news: channels.phone.states.Heard
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]  # picked up
    joined_at: Mapped[datetime | None]  # in the room with the customer
    ended_at: Mapped[datetime | None]

    call: Mapped[Call] = relationship()
    agent: Mapped[Agent | None] = relationship()


class CallbackState(StrEnum):
    """Where a callback stands."""

    BOOKED = "booked"  # its window, or the moment of its next attempt, has not begun
    DUE = "due"  # waits in its place in the line for an agent
    CALLING = "calling"  # an agent has it, and phones ring
    DONE = "done"  # agent and customer spoke
    MISSED = "missed"  # the customer did not pick up, as often as the rule says
    CANCELLED = "cancelled"


class Callback(Base):
    """A call that we owe a customer, with the place that they had in the line."""

    __tablename__ = "callback"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"))  # our number that calls
    asked_by_call_id: Mapped[int | None] = mapped_column(ForeignKey("call.id"), index=True)
    call_id: Mapped[int | None] = mapped_column(ForeignKey("call.id"), index=True)  # the newest attempt
    number: Mapped[str]  # E.164
    language: Mapped[str] = mapped_column(default="")
    reason: Mapped[str]  # asked: on hold; closed: out of hours; abandoned: hung up waiting; agent: arranged by one
    state: Mapped[CallbackState]
    waiting_since: Mapped[datetime]  # the place
    not_before: Mapped[datetime]
    not_after: Mapped[datetime | None]  # what was promised
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]  # when it is due (again); None: over, or an agent has it
    outcome: Mapped[str] = mapped_column(default="")  # of the last attempt, in words
    promise_id: Mapped[int | None]  # of the SLA engine
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class RecordingKind(StrEnum):
    """What was recorded."""

    VOICEMAIL = "voicemail"
    TALK = "talk"


class RecordingState(StrEnum):
    """Where a recording is."""

    ANNOUNCED = "announced"  # at the provider
    KEPT = "kept"  # in our own storage
    FAILED = "failed"  # could not be fetched
    DELETED = "deleted"  # its days are over, or somebody deleted it


class TranscriptState(StrEnum):
    """Where the words of a recording are."""

    NONE = ""  # nobody asked for them
    ASKED = "asked"
    DONE = "done"
    FAILED = "failed"


class Recording(Base):
    """A recording of a call: a voicemail, or what customer and agent said."""

    __tablename__ = "recording"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id"), index=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), index=True)  # which shows it
    # None: not in our storage. Where the file's row goes away, such as with an erased message, this does not hold it.
    attachment_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id", ondelete="SET NULL"), index=True)
    kind: Mapped[RecordingKind]
    provider_id: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]  # at the provider
    seconds: Mapped[int]
    state: Mapped[RecordingState]
    error: Mapped[str] = mapped_column(default="")
    transcript: Mapped[str] = mapped_column(default="")
    transcript_state: Mapped[str] = mapped_column(default="")  # TranscriptState
    delete_after: Mapped[datetime | None]  # None: kept as long as its ticket
    created_at: Mapped[datetime]

    call: Mapped[Call] = relationship()
    attachment: Mapped[Attachment | None] = relationship()


_open_leg = text("ended_at IS NULL")
_owed = text("finished_at IS NULL")
_waits = text("next_at IS NOT NULL")
_to_go = text("delete_after IS NOT NULL")

Index("ix_call_leg_open", CallLeg.agent_id, postgresql_where=_open_leg, sqlite_where=_open_leg)
Index("ix_callback_open", Callback.ticket_id, postgresql_where=_owed, sqlite_where=_owed)
Index("ix_callback_due", Callback.next_at, postgresql_where=_waits, sqlite_where=_waits)
Index("ix_recording_retention", Recording.delete_after, postgresql_where=_to_go, sqlite_where=_to_go)
