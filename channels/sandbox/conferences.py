"""Twilio's conferences: who is in, who hears whom, and what is told of it.

https://www.twilio.com/docs/voice/twiml/conference and https://www.twilio.com/docs/voice/api/conference-participant-resource.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from channels.sandbox.courier import Request
from channels.sandbox.news import HungUp, Key, Nudge, Program, Redirected
from channels.sandbox.program import Script
from channels.sandbox.queues import music
from channels.sandbox.twiml_rules import MUSIC

if TYPE_CHECKING:
    from channels.sandbox.calls import Call
    from channels.sandbox.exchange import Exchange

GROUPS = {  # Twilio's StatusCallbackEvent -> the word of `statusCallbackEvent` that asks for it
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
}


@dataclass
class Entry:
    """How somebody enters a conference: the attributes of <Conference>, or the parameters of a participant."""

    muted: bool = False
    starts: bool = True
    ends: bool = False
    beep: str = "true"  # or "false", "onEnter", "onExit"
    wait_url: str | None = None  # None is Twilio's music, "" is silence
    wait_method: str = "POST"
    coach: str = ""  # the SID of the call that alone hears them
    label: str = ""
    record: bool = False
    callback_url: str = ""
    callback_method: str = "POST"
    callback_events: tuple[str, ...] = ()
    recording_callback_url: str = ""
    recording_events: tuple[str, ...] = ("completed",)
    star_leaves: bool = False


@dataclass(eq=False)
class Participant:
    """A call in a conference, as it is now."""

    conference: "Conference"
    call: "Call"
    entry: Entry
    muted: bool
    coaching: str  # the SID of the call that alone hears them, "" for none
    joined_at: datetime
    ends: bool
    hold: bool = False
    hold_url: str = ""
    hold_method: str = "GET"
    is_in: bool = True
    updated_at: datetime | None = None

    @property
    def hears(self) -> bool:
        """Say whether they hear the others, rather than music."""
        return self.is_in and self.conference.has_started and not self.hold


@dataclass(eq=False)
class Conference:
    """A room. Its callbacks are those that the first one brings along."""

    exchange: "Exchange"
    sid: str
    name: str
    made_at: datetime
    participants: "dict[str, Participant]" = field(default_factory=dict)
    dialled: "dict[str, Call]" = field(default_factory=dict)  # called into it, not there yet
    status: str = "init"
    updated_at: datetime | None = None
    reason: str = ""
    ended_by: str = ""
    settings: Entry | None = None
    recorded_since: datetime | None = None
    recorded_for: Entry | None = None
    words: list[str] = field(default_factory=list)  # all that was said in it
    _sequence: int = 0

    @property
    def has_started(self) -> bool:
        return self.status == "in-progress"

    @property
    def is_over(self) -> bool:
        return self.status == "completed"

    def join(self, call: "Call", entry: Entry) -> Participant:
        """Let a call in. It starts when there are two and one of them may start it."""
        now = self.exchange.now()
        self.settings = self.settings or entry
        participant = Participant(self, call, entry, entry.muted, entry.coach, now, entry.ends)
        self.participants[call.sid] = call.participant = participant
        self.dialled.pop(call.sid, None)
        self._start_if_ready()
        if self.has_started and entry.record:
            self._record(entry)
        self.tell("participant-join", participant)
        self._beep(entry, "onEnter", participant)
        return participant

    def leave(self, participant: Participant, why: str, *, status: str = "completed") -> None:
        """Let a call out; that may end it all."""
        if not participant.is_in:
            return
        participant.is_in = False
        call = participant.call
        call.participant, call.doing = None, ""
        del self.participants[call.sid]
        self._beep(participant.entry, "onExit", participant)
        told = {"ReasonParticipantLeft": why, "ParticipantCallStatus": status}
        self.tell("participant-leave", participant, told)
        kicked = why == "participant_updated_via_api"
        if self.is_over:
            return
        if participant.ends:
            self.end(f"participant-with-end-conference-on-exit-{'kicked' if kicked else 'left'}", by=participant)
        elif not self.participants:
            self.end(f"last-participant-{'kicked' if kicked else 'left'}", by=participant)

    def end(self, reason: str, *, by: Participant | None = None) -> None:
        """Be over, and put out who is left."""
        if self.is_over:
            return
        self.status, self.reason, self.ended_by = "completed", reason, by.call.sid if by is not None else ""
        self.updated_at = self.exchange.now()
        why = "conference_ended_via_api" if reason == "conference-ended-via-api" else "moderator_ended_conference"
        for participant in list(self.participants.values()):
            self.leave(participant, why, status="in-progress")
            participant.call.deliver(Nudge.CHANGED)
        for call in self.dialled.values():
            call.interrupt(HungUp("desk"))
        told = {"ReasonConferenceEnded": reason}
        if by is not None:
            told |= {"CallSidEndingConference": by.call.sid}
        self.tell("conference-end", None, told)
        self._keep_recording()

    def remove(self, participant: Participant) -> None:
        """Put somebody out; their call goes on after its <Dial>."""
        self.leave(participant, "participant_updated_via_api", status="in-progress")
        participant.call.deliver(Nudge.CHANGED)

    def change(self, participant: Participant) -> None:
        """Have a participant look again at what they hear."""
        participant.updated_at = self.exchange.now()
        participant.call.deliver(Nudge.CHANGED)

    def hear(self, speaker: "Call", words: str) -> None:
        """Let those hear who may: nobody hears the muted; a coach is heard by the one alone."""
        said = speaker.participant
        if said is None or said.muted or not said.hears:
            return
        self.words.append(words)
        for one in self.participants.values():
            if one is not said and one.hears and said.coaching in ("", one.call.sid):
                one.call.note("heard", words, **{"from": speaker.device.address})

    def tell(self, event: str, participant: Participant | None, more: Mapping[str, str] | None = None) -> None:
        """Tell the desk, if it wants to hear of such events."""
        self._sequence += 1
        entry = self.settings
        if entry is None or not entry.callback_url or GROUPS[event] not in entry.callback_events:
            return
        form = {
            "AccountSid": self.exchange.account_sid,
            "ConferenceSid": self.sid,
            "FriendlyName": self.name,
            "SequenceNumber": str(self._sequence),
            "StatusCallbackEvent": event,
            "Timestamp": format_datetime(self.exchange.now()),
        }
        form |= _about(participant) if participant is not None else {}
        request = Request(entry.callback_url, form | dict(more or {}), entry.callback_method)
        self.exchange.tell(request, lane=f"conference {self.sid}")

    def _start_if_ready(self) -> None:
        if self.status != "init" or not any(one.entry.starts for one in self.participants.values()):
            return
        if len(self.participants) < 2:
            return
        self.status, self.updated_at = "in-progress", self.exchange.now()
        for one in self.participants.values():
            if one.entry.record:
                self._record(one.entry)
        self.tell("conference-start", None)
        for one in self.participants.values():
            one.call.deliver(Nudge.CHANGED)

    def _beep(self, entry: Entry, when: str, about: Participant) -> None:
        if entry.beep not in ("true", when):
            return
        for one in self.participants.values():
            if one is not about and one.hears:
                one.call.note("tone")

    def _record(self, entry: Entry) -> None:
        """Record from now on, if nobody does yet."""
        if self.recorded_since is None:
            self.recorded_since, self.recorded_for = self.exchange.now(), entry

    def _keep_recording(self) -> None:
        if self.recorded_since is None or self.recorded_for is None:
            return
        self.exchange.keep_recording(
            call_sid="",
            conference_sid=self.sid,
            words=" ".join(self.words),
            began_at=self.recorded_since,
            source="Conference",
            callback_url=self.recorded_for.recording_callback_url,
            events=self.recorded_for.recording_events,
        )


def attend(script: Script, conference: Conference, entry: Entry) -> Program:
    """Be in a conference until one leaves it or it is over."""
    call = script.call
    participant = conference.join(call, entry)
    try:
        while participant.is_in:
            yield from _take_part(script, participant)
    except (HungUp, Redirected) as out:
        hung_up = isinstance(out, HungUp) and out.by != "desk"
        why = "participant_hung_up" if hung_up else "participant_updated_via_api"
        conference.leave(participant, why, status="completed" if isinstance(out, HungUp) else "in-progress")
        raise
    finally:
        conference.leave(participant, "participant_hung_up")


def _take_part(script: Script, participant: Participant) -> Program:
    """Hear what there is to hear, until that changes. A star leaves, where the <Dial> allows it."""
    heard = _heard(script, participant)
    participant.call.doing = "talking" if participant.hears else "on hold" if participant.hold else "waiting"
    try:
        wanted = next(heard)
        while True:
            news = yield wanted
            if news is Nudge.CHANGED:
                return
            if news == Key("*") and participant.entry.star_leaves:
                participant.conference.leave(participant, "participant_hung_up", status="in-progress")
                return
            wanted = heard.send(news)
    finally:
        heard.close()


def _heard(script: Script, participant: Participant) -> Program:
    if participant.hears:
        while True:
            yield None
    if participant.hold:
        yield from music(script, participant.hold_url or None, participant.hold_method, MUSIC)
    yield from music(script, participant.entry.wait_url, participant.entry.wait_method, MUSIC)


def _about(participant: Participant) -> dict[str, str]:
    told = {
        "CallSid": participant.call.sid,
        "Coaching": _word(bool(participant.coaching)),
        "EndConferenceOnExit": _word(participant.ends),
        "Hold": _word(participant.hold),
        "Muted": _word(participant.muted),
        "StartConferenceOnEnter": _word(participant.entry.starts),
    }
    return told | ({"ParticipantLabel": participant.entry.label} if participant.entry.label else {})


def _word(value: bool) -> str:
    return "true" if value else "false"
