"""Conferences and participants: https://www.twilio.com/docs/voice/api/conference-participant-resource."""

from channels.sandbox import resources
from channels.sandbox.conferences import Conference, Entry, Participant
from channels.sandbox.dialling import call_into
from channels.sandbox.exchange import Exchange
from channels.sandbox.news import HungUp
from channels.sandbox.program import Script
from channels.sandbox.refusals import Refused, not_found
from channels.sandbox.rest.answers import Answer, Asked, collection, is_within, needed, page
from channels.sandbox.rest.calls import LONGEST_RING, REFUSALS, RINGS, ring_out
from channels.sandbox.twiml_rules import MUSIC
from channels.sandbox.verbs import VERBS


def list_conferences(exchange: Exchange, asked: Asked) -> Answer:
    """Newest first."""
    found = [
        one
        for one in reversed(exchange.conferences.values())
        if asked.get("FriendlyName", one.name) == one.name
        and asked.get("Status", one.status) == one.status
        and is_within(asked, "DateCreated", one.made_at)
    ]
    account = exchange.account_sid
    path = collection(account, "Conferences")
    return page(asked, path, "conferences", found, lambda one: one.sid, lambda one: resources.conference(one, account))


def fetch_conference(exchange: Exchange, asked: Asked, name: str) -> Answer:
    return Answer(200, resources.conference(_find(exchange, name), exchange.account_sid))


def update_conference(exchange: Exchange, asked: Asked, name: str) -> Answer:
    """End a conference, or announce something to all in it."""
    conference = _find(exchange, name)
    if asked.get("Status") == "completed":
        conference.end("conference-ended-via-api")
    elif asked.has("AnnounceUrl"):
        for participant in conference.participants.values():
            _announce(exchange, asked, participant)
    elif asked.has("Status"):
        raise Refused(20001, "A conference's Status can be completed")
    return Answer(200, resources.conference(conference, exchange.account_sid))


def list_participants(exchange: Exchange, asked: Asked, name: str) -> Answer:
    conference, account = _find(exchange, name), exchange.account_sid
    found = [
        one
        for one in conference.participants.values()
        if asked.flag("Muted", default=one.muted) is one.muted and asked.flag("Hold", default=one.hold) is one.hold
    ]
    path = collection(account, "Conferences", conference.sid, "Participants")
    return page(
        asked, path, "participants", found, lambda one: one.call.sid, lambda one: resources.participant(one, account)
    )


def create_participant(exchange: Exchange, asked: Asked, name: str) -> Answer:
    """Call somebody into a conference; a name that is not known yet makes one."""
    needed(asked, ("From", 21213), ("To", 21201))
    if asked.get("To") in REFUSALS:
        raise Refused(*REFUSALS[asked.get("To")])
    exchange.check_callback(asked.get("ConferenceStatusCallback"))
    conference = exchange.conference(name)
    if conference.is_over:
        raise not_found()
    entry = _entry(asked)
    call = ring_out(exchange, asked)
    timeout = asked.number("Timeout", RINGS, most=LONGEST_RING)
    call.run(call_into(Script(call, VERBS), conference.name, entry, timeout=timeout))
    conference.dialled[call.sid] = call
    shown = resources.dialled(conference, call, exchange.account_sid)
    entered = {"label": entry.label or None, "end_conference_on_exit": entry.ends, "queue_time": "0"}
    return Answer(201, shown | entered)


def fetch_participant(exchange: Exchange, asked: Asked, name: str, call_sid: str) -> Answer:
    conference = _find(exchange, name)
    if (call := conference.dialled.get(call_sid)) is not None:
        return Answer(200, resources.dialled(conference, call, exchange.account_sid))
    return Answer(200, resources.participant(_participant(conference, call_sid), exchange.account_sid))


def update_participant(exchange: Exchange, asked: Asked, name: str, call_sid: str) -> Answer:
    """Mute, hold, coach, and what else can be changed of somebody who is in."""
    conference = _find(exchange, name)
    one = _participant(conference, call_sid)
    _mute_or_hold(conference, asked, one)
    _modify(conference, asked, one)
    if asked.has("AnnounceUrl"):
        _announce(exchange, asked, one)
    conference.change(one)
    return Answer(200, resources.participant(one, exchange.account_sid))


def delete_participant(exchange: Exchange, asked: Asked, name: str, call_sid: str) -> Answer:
    conference = _find(exchange, name)
    if (call := conference.dialled.get(call_sid)) is not None:
        call.interrupt(HungUp("desk"))
    else:
        conference.remove(_participant(conference, call_sid))
    return Answer(204)


def _mute_or_hold(conference: Conference, asked: Asked, one: Participant) -> None:
    if asked.has("Muted"):
        one.muted = asked.flag("Muted")
        conference.tell("participant-mute" if one.muted else "participant-unmute", one)
    if asked.has("Hold"):
        one.hold = asked.flag("Hold")
        one.hold_url, one.hold_method = asked.get("HoldUrl"), asked.get("HoldMethod", "GET").upper()
        conference.tell("participant-hold" if one.hold else "participant-unhold", one)


def _modify(conference: Conference, asked: Asked, one: Participant) -> None:
    if not (asked.has("Coaching") or asked.has("CallSidToCoach") or asked.has("EndConferenceOnExit")):
        return
    if asked.flag("Coaching") and not (asked.has("CallSidToCoach") or one.coaching):
        raise Refused(20001, "Coaching wants a CallSidToCoach")
    if asked.has("CallSidToCoach") and asked.get("CallSidToCoach") not in conference.participants:
        raise Refused(20001, "CallSidToCoach is not in this conference")
    if asked.has("Coaching") and not asked.flag("Coaching"):
        one.coaching = ""
    elif asked.has("CallSidToCoach"):
        one.coaching = asked.get("CallSidToCoach")
    one.ends = asked.flag("EndConferenceOnExit", default=one.ends)
    conference.tell("participant-modify", one)


def _announce(exchange: Exchange, asked: Asked, one: Participant) -> None:
    """Have somebody hear a document over everything else."""
    url = asked.get("AnnounceUrl")
    if not exchange.knows(url):
        raise Refused(21205, "AnnounceUrl is not valid: the sandbox fetches from nobody but this desk")
    exchange.announce(one.call, url, asked.get("AnnounceMethod", "POST").upper(), MUSIC)


def _entry(asked: Asked) -> Entry:
    return Entry(
        muted=asked.flag("Muted"),
        starts=asked.flag("StartConferenceOnEnter", default=True),
        ends=asked.flag("EndConferenceOnExit"),
        beep=asked.get("Beep", "true"),
        wait_url=asked.get("WaitUrl") if "WaitUrl" in asked.values else None,
        wait_method=asked.get("WaitMethod", "POST").upper(),
        coach=asked.get("CallSidToCoach") if asked.flag("Coaching") else "",
        label=asked.get("Label"),
        record=asked.get("ConferenceRecord") in ("true", "record-from-start"),
        callback_url=asked.get("ConferenceStatusCallback"),
        callback_method=asked.get("ConferenceStatusCallbackMethod", "POST").upper(),
        callback_events=asked.all("ConferenceStatusCallbackEvent") or ("start", "end"),
        recording_callback_url=asked.get("ConferenceRecordingStatusCallback"),
        recording_events=asked.all("ConferenceRecordingStatusCallbackEvent") or ("completed",),
    )


def _find(exchange: Exchange, name: str) -> Conference:
    found = exchange.find_conference(name)
    if found is None:
        raise not_found()
    return found


def _participant(conference: Conference, call_sid: str) -> Participant:
    found = conference.participants.get(call_sid)
    if found is None:  # a label will do as well
        found = next((one for one in conference.participants.values() if one.entry.label == call_sid), None)
    if found is None:
        raise not_found()
    return found
