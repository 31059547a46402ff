"""A caller says by keys when they want to be called back. A step is one request of Twilio's."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from twilio.twiml.voice_response import Gather, VoiceResponse

from channels.models import Call
from channels.phone import callbacks, leaving, twiml
from channels.phone.callbacks import Window
from channels.phone.offers import Out
from channels.phone.on_the_line import OnTheLine
from channels.phone.slots import Slot, told
from channels.phone.states import Stage
from ticketing import lifecycle
from ticketing.envelope import Channel
from ticketing.errors import InvalidHandle
from ticketing.events import Actor
from ticketing.store import db
from ticketing.transaction import transaction

SECONDS = 5  # of silence after the words
MOST_TRIES = 2


def offer(
    line: OnTheLine, slots: Sequence[Slot], zone: ZoneInfo, *, out: str, tries: int, public_url: str, asked_at: datetime
) -> str:
    """Offer the windows, each by a key. The answer says at which moment they were offered, so that a key means then
    what it means now; who presses none gets the first one.
    """
    to = line.speaker(public_url)
    action = to.address("callback/choice", call=line.call.id, out=out, tries=tries, asked=int(asked_at.timestamp()))
    if line.call.stage != Stage.BOOKING or not slots:
        return twiml.goodbye(to, to.phrases.noted if line.call.stage == Stage.BOOKING else "")
    response = VoiceResponse()
    if len(slots) == 1:
        response.redirect(action, method="POST")
        return str(response)
    keys = Gather(input="dtmf", action=action, method="POST", num_digits=1, finish_on_key="", timeout=SECONDS)
    windows = [told(one, to.phrases, zone, now=asked_at) for one in slots]
    keyed = [to.phrases.callback_key.format(key=number, window=one) for number, one in enumerate(windows, 1)]
    to.say(keys, to.phrases.callback_when, *keyed)
    response.append(keys)
    response.redirect(action, method="POST")
    return str(response)


def choose(
    line: OnTheLine,
    slots: Sequence[Slot],
    zone: ZoneInfo,
    key: str,
    *,
    out: str,
    tries: int,
    public_url: str,
    asked_at: datetime,
    at: datetime,
) -> str:
    """Book the window whose key the caller pressed, and say so; a key that means nothing is asked for again."""
    to = line.speaker(public_url)
    number = int(key) if key.isascii() and key.isdecimal() and len(key) == 1 else 0 if key else 1
    if not 1 <= number <= len(slots):
        if tries < MOST_TRIES and slots:
            known = {"out": out, "tries": tries + 1, "public_url": public_url, "asked_at": asked_at}
            return offer(line, slots, zone, **known)  # type: ignore[arg-type]
        number = 1
    if not slots or not _book(line.call.id, slots[number - 1], out, at=at):
        return twiml.goodbye(to, to.phrases.noted)
    return twiml.goodbye(
        to, to.phrases.callback_booked.format(window=told(slots[number - 1], to.phrases, zone, now=at))
    )


def _book(call_id: int, slot: Slot, out: str, *, at: datetime) -> bool:
    """Book the callback in a transaction of its own; Twilio asking twice books once. False: they cannot be called."""
    with transaction(Channel.PHONE):
        call = db.session().get_one(Call, call_id)
        ticket = lifecycle.lock_ticket_of(call)
        if call.stage != Stage.BOOKING or call.ended_at is not None:
            return call.stage == Stage.LEAVING
        reason = callbacks.CLOSED if out == Out.CLOSED else callbacks.ASKED
        call.stage = Stage.LEAVING  # from here on their place is kept, whatever becomes of the line
        is_for_later = slot.not_before > at and ticket.on_phone and not leaving.another_holds(ticket, call)
        if is_for_later:  # who has taken them from the line meanwhile has nobody to speak with
            lifecycle.release(ticket, by=Actor.customer(ticket.customer_id), at=at, reason="callback")
        try:
            callbacks.book_for_caller(ticket, call, Window(slot.not_before, slot.not_after), reason=reason, at=at)
        except InvalidHandle:
            ticket.on_phone = False  # nothing can ring for them
            return False
    return True
