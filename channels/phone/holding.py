"""A caller in the line of a queue: what they hear while they wait, the keys that they press, and where they go from
there. A step is one request of Twilio's, and mostly one short read.
"""

from datetime import datetime, timedelta

import phonenumbers

from channels.models import Call
from channels.phone import leaving, on_the_line, twiml
from channels.phone.offers import Choice, Offers, Out
from channels.phone.on_the_line import OnTheLine
from channels.phone.phrases import wait_told
from channels.phone.recording_news import transcription_of_voicemail
from channels.phone.speaking import Speaker
from channels.phone.states import Stage
from ticketing import lifecycle, waits
from ticketing.envelope import Channel
from ticketing.store import db
from ticketing.transaction import transaction

MOST_TRIES = 2  # of keys that mean nothing, and of numbers that are none
MAX_KEYS = 32
IN_LINE = frozenset({Stage.HOLDING, Stage.OFFERED})
GONE = frozenset({"hangup", "bridged", "bridging-in-process", "redirected", "redirected-from-bridged"})
NO_ROOM = frozenset({"queue-full", "error", "system-error"})
NOTHING_OFFERED = Offers()
CALLABLE = frozenset(
    {
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        phonenumbers.PhoneNumberType.VOIP,
        phonenumbers.PhoneNumberType.PERSONAL_NUMBER,
    }
)


def wait(line: OnTheLine, *, public_url: str, at: datetime) -> str:
    """Return what a caller in the line hears next: how it stands, what else they may have, and music. Reads only."""
    call, to = line.call, line.speaker(public_url)
    if call.stage == Stage.OFFERED:
        return twiml.waiting(to, to.phrases.connecting, call=call.id, music=line.queue.music, offers=NOTHING_OFFERED)
    if call.stage in {Stage.TALKING, Stage.ON_HOLD}:  # Twilio is just taking them to the agent
        return twiml.patience(to.address("wait", call=call.id))
    if call.stage != Stage.HOLDING or _has_waited_for_long(line, at):
        return twiml.leave()
    told = _standing(line, to, at)
    return twiml.waiting(to, *told, call=call.id, music=line.queue.music, offers=line.offers)


def press(line: OnTheLine, key: str, *, public_url: str, at: datetime) -> str:
    """Do what a caller in the line asks for by a key; one that nobody offered changes nothing."""
    call, to = line.call, line.speaker(public_url)
    if call.stage == Stage.OFFERED:
        return twiml.back_in_line(to, to.phrases.connecting, call=call.id)
    choice = line.offers.chosen(key)
    if call.stage != Stage.HOLDING or choice is None:
        return twiml.back_in_line(to, call=call.id) if call.stage == Stage.HOLDING else twiml.leave()
    if _choose(call.id, choice, None, at=at):
        return twiml.leave()
    return twiml.back_in_line(to, to.phrases.not_texted if choice is Choice.TEXT else "", call=call.id)


def press_outside(line: OnTheLine, key: str, out: Out, tries: int, *, public_url: str, at: datetime) -> str:
    """Do what a caller asks for by a key who is not in the line; who presses none leaves a message."""
    call, to, offers = line.call, line.speaker(public_url), line.offers
    choice = offers.chosen(key)
    if choice is None and key and tries < MOST_TRIES:
        return _offer_again(line, to, to.phrases.not_offered, out, tries)
    choice = choice or (Choice.VOICEMAIL if offers.voicemail else None)
    if choice is None:
        return twiml.goodbye(to, to.phrases.nobody_now)
    if not _choose(call.id, choice, out, at=at):
        return _offer_again(line, to, to.phrases.not_texted, out, tries + 1) if tries < MOST_TRIES else _last(line, to)
    return where_they_go(line.call.id, out, public_url=public_url)


def left(line: OnTheLine, result: str, *, public_url: str) -> str:
    """Return what comes for a caller whom Twilio has taken out of the line, for the reason that it gives."""
    if result in GONE:
        return twiml.NOTHING
    if line.call.stage not in IN_LINE:
        return where_they_go(line.call.id, None, public_url=public_url)
    to = line.speaker(public_url)
    out = Out.FULL if result in NO_ROOM else Out.LONG
    response = twiml.busy(to, to.phrases.full if out is Out.FULL else to.phrases.long_wait)
    twiml.add_offers(response, to, line.offers, call=line.call.id, out=out)
    return str(response)


def where_they_go(call_id: int, out: Out | None, *, public_url: str) -> str:
    """Return what a caller hears who has chosen something instead of waiting."""
    line = on_the_line.find(call_id)
    if line is None:
        return twiml.trouble({})
    to, call = line.speaker(public_url), line.call
    if call.stage == Stage.VOICEMAIL:
        return twiml.voicemail(to, inbox=line.inbox.address, call=call.id, transcription=transcription_of_voicemail())
    if call.stage == Stage.BOOKING and not call.number:
        return twiml.ask_number(to, call=call.id, out=out or "", tries=0)
    if call.stage == Stage.BOOKING:
        return twiml.go_on(to, "callback", call=call.id, out=out or "")
    texted = to.phrases.texted_in_line if line.ticket.live else to.phrases.texted
    return twiml.goodbye(to, texted if call.stage == Stage.LEAVING else "")


def thanked(provider_id: str) -> str:
    """Return what a caller hears who has left a voicemail; the call is named as Twilio names it."""
    line = on_the_line.find_by(provider_id)
    if line is None:
        return twiml.thanks({})
    to = line.speaker("")
    return twiml.goodbye(to, to.phrases.thanks_in_line if line.ticket.live else to.phrases.thanks)


def name_number(line: OnTheLine, keys: str, out: str, tries: int, *, public_url: str) -> str:
    """Take the number that a caller types whose own is withheld, and go on to the callback."""
    to, call = line.speaker(public_url), line.call
    number = callable_number(keys[:MAX_KEYS], line.inbox.address)
    if number is None:
        if tries < MOST_TRIES:
            return twiml.ask_number(to, to.phrases.wrong_number, call=call.id, out=out, tries=tries + 1)
        return _last(line, to)
    with transaction(Channel.PHONE):
        row = db.session().get_one(Call, call.id)
        lifecycle.lock_ticket_of(row)
        if row.ended_at is None:
            row.number = number
    return twiml.go_on(to, "callback", call=call.id, out=out)


def callable_number(keys: str, ours: str) -> str | None:
    """Return a number that somebody typed, in E.164; None for one that we do not call for a caller without a name.

    It is of the country of our own number, and costs what a call there costs: nobody shall have us call a premium line.
    """
    try:
        here = phonenumbers.parse(ours)
        region = phonenumbers.region_code_for_number(here)
        number = phonenumbers.parse(keys, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or number.country_code != here.country_code:
        return None
    if phonenumbers.number_type(number) not in CALLABLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _choose(call_id: int, choice: Choice, out: Out | None, *, at: datetime) -> bool:
    """Let the caller leave the line in a transaction of its own; who pressed twice has chosen once."""
    with transaction(Channel.PHONE):
        call = db.session().get_one(Call, call_id)
        ticket = lifecycle.lock_ticket_of(call)
        if call.ended_at is not None or call.stage not in {Stage.HOLDING, Stage.GREETING}:
            return call.stage == leaving.STAGES[choice]
        return leaving.choose(ticket, call, choice, out, at=at)


def _offer_again(line: OnTheLine, to: Speaker, words: str, out: Out, tries: int) -> str:
    response = twiml.busy(to, words)
    twiml.add_offers(response, to, line.offers, call=line.call.id, out=out, tries=tries + 1)
    return str(response)


def _last(line: OnTheLine, to: Speaker) -> str:
    return twiml.goodbye(to, to.phrases.nobody_now)


def _has_waited_for_long(line: OnTheLine, at: datetime) -> bool:
    held_at = line.call.held_at
    return held_at is not None and at - held_at >= timedelta(seconds=line.queue.max_wait_seconds)


def _standing(line: OnTheLine, to: Speaker, at: datetime) -> list[str]:
    place = waits.position(line.ticket)
    if place == 0:  # an agent has them already, or is about to
        return [to.phrases.connecting]
    words = to.phrases.next_in_line if place == 1 else to.phrases.place.format(place=place)
    return [words, wait_told(waits.estimate(line.ticket.queue_id, place, at=at), to.phrases)]
