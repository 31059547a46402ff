"""A caller comes in: which queue they want, whether its line is open and has room, and what they hear first.

The ticket is there before anybody hears a word. What is done here is in the caller's transaction, with the ticket
locked; what is said is made of it afterwards, the same each time that Twilio asks.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from twilio.twiml.voice_response import VoiceResponse

from channels.events import CalledAgain
from channels.models import Call
from channels.phone import twiml
from channels.phone.callbacks import can_ring
from channels.phone.offers import Out
from channels.phone.on_the_line import OnTheLine
from channels.phone.opening import Opening
from channels.phone.phrases import spoken_language
from channels.phone.recording_news import transcription_of_voicemail
from channels.phone.speaking import Speaker
from channels.phone.states import Stage
from ticketing import journal, lifecycle, lines
from ticketing.envelope import Channel
from ticketing.events import SYSTEM, Actor
from ticketing.models import Message, Queue, Ticket
from ticketing.queue_settings import QueueSettings
from ticketing.spoken_words import Words
from ticketing.status import WAITING_FOR_US
from ticketing.store import db

STILL_THERE = timedelta(minutes=1)  # who called longer ago, and is taken in only now, holds no line any more
MENU_TRIES = 2


def come_in(ticket: Ticket, call: Call, message: Message, opening: Opening, *, at: datetime) -> None:
    """Note who calls, and lead them to the menu, into the line, or to the words that we are closed."""
    settings = message.inbox.settings if message.inbox is not None else {}
    call.number = message.handle.address if message.handle is not None else ""
    call.language = spoken_language(ticket.customer.language, str(settings.get("language") or ""))
    call.place_was_kept = ticket.live and _is_kept(ticket, call)
    if at - call.started_at > STILL_THERE:
        call.stage = Stage.GREETING
    elif settings.get("menu"):
        call.stage = Stage.MENU
    else:
        line_up(ticket, call, opening, at=at)


def line_up(ticket: Ticket, call: Call, opening: Opening, *, at: datetime) -> None:
    """Give the caller a place in the line of the ticket's queue, where it is open and has room."""
    call.stage = Stage.GREETING
    if not opening.is_open:
        return
    call.waiting_since = call.started_at  # who is turned away since the line is full would have waited from here on
    if not _is_full(ticket):
        call.stage, call.held_at = Stage.HOLDING, at
        take_place(ticket, call, on_phone=True, at=at)
        look_for_their_agent(ticket, call, at=at)


def take_place(ticket: Ticket, call: Call, *, on_phone: bool, at: datetime) -> None:
    """Give the caller a place in the line, from when they called."""
    by = Actor.customer(ticket.customer_id)
    lines.begin(ticket, Channel.PHONE, on_phone=on_phone, since=call.started_at, by=by, at=at)
    call.waiting_since = ticket.waiting_since


def choose(ticket: Ticket, call: Call, queue_id: int, opening: Opening, *, at: datetime) -> None:
    """Move the ticket to the queue that the caller chose in the menu, and line them up there."""
    queue = db.session().get(Queue, queue_id)
    if queue is not None:
        lifecycle.move(ticket, queue, by=Actor.customer(ticket.customer_id), at=at)
    line_up(ticket, call, opening, at=at)


def chosen_queue(settings: Mapping[str, Any], key: str) -> int | None:
    """Return the queue for which a key of the menu stands; None: it stands for none."""
    options: Mapping[str, int] = (settings.get("menu") or {}).get("options", {})
    return options.get(key)


def first_words(line: OnTheLine, opening: Opening, *, public_url: str, at: datetime) -> str:
    """Return what a caller hears who has just come in."""
    to, call, settings = line.speaker(public_url), line.call, line.inbox.settings
    if call.stage == Stage.MENU:
        response = twiml.greeting_open(to, settings.get("greeting"))
        twiml.add_menu(response, to, _prompt(line), call=call.id, tries=0)
        return str(response)
    return led_on(line, opening, to, twiml.greeting_open(to, settings.get("greeting")), at=at)


def menu_again(line: OnTheLine, tries: int, *, public_url: str) -> str:
    """Return the menu once more, to a caller whose key meant nothing."""
    to = line.speaker(public_url)
    response = VoiceResponse()
    to.say(response, to.phrases.menu_again)
    twiml.add_menu(response, to, _prompt(line), call=line.call.id, tries=tries)
    return str(response)


def led_on(line: OnTheLine, opening: Opening, to: Speaker, response: VoiceResponse, *, at: datetime) -> str:
    """Lead a caller from a greeting into the line, or tell them why not."""
    call, queue = line.call, line.queue
    if call.stage in {Stage.HOLDING, Stage.OFFERED}:
        twiml.add_enqueue(
            response, to, call=call.id, queue=line.ticket.queue_id, notice=queue.recording_notice, record=queue.record
        )
    elif call.stage != Stage.GREETING or call.ended_at is not None:
        response = VoiceResponse()
        response.hangup()
    elif opening.is_open:
        to.say(response, to.phrases.full)
        twiml.add_offers(response, to, line.offers, call=call.id, out=Out.FULL)
    else:
        return _closed(line, opening, to, at)
    return str(response)


def _prompt(line: OnTheLine) -> Words | None:
    menu: Mapping[str, Any] = line.inbox.settings.get("menu") or {}
    return menu.get("prompt")


def _closed(line: OnTheLine, opening: Opening, to: Speaker, at: datetime) -> str:
    response = twiml.closed_words(to, line.inbox.settings, opening, at)
    offers = line.offers
    if offers.voicemail and not (offers.callback or offers.text):
        return twiml.voicemail(
            to,
            inbox=line.inbox.address,
            call=line.call.id,
            response=response,
            transcription=transcription_of_voicemail(),
        )
    twiml.add_offers(response, to, offers, call=line.call.id, out=Out.CLOSED)
    return str(response)


def _is_kept(ticket: Ticket, call: Call) -> bool:
    """Say whether the place that the customer has is kept for them, rather than held by another call of theirs."""
    others = select(Call.place_was_kept).where(
        Call.ticket_id == ticket.id, Call.id != call.id, Call.ended_at.is_(None), Call.outbound.is_(False)
    )
    return all(db.session().scalars(others))


def _is_full(ticket: Ticket) -> bool:
    """Say whether as many wait in the line as may. Others who come at the same moment wait until this one is in."""
    most = QueueSettings.of(ticket.queue.settings).max_waiting
    if most is None:
        return False
    db.session().execute(select(Queue.id).where(Queue.id == ticket.queue_id).with_for_update(key_share=True))
    waiting = (
        select(func.count())
        .select_from(Ticket)
        .where(
            Ticket.queue_id == ticket.queue_id,
            Ticket.live,
            Ticket.on_phone,
            Ticket.assignee_id.is_(None),
            Ticket.status.in_(WAITING_FOR_US),
            Ticket.id != ticket.id,
        )
    )
    return (db.session().scalar(waiting) or 0) >= most


def look_for_their_agent(ticket: Ticket, call: Call, *, at: datetime) -> None:
    """Have the agent's device ring who has the ticket of somebody that calls again; who cannot answer gives it back."""
    agent = ticket.assignee
    if agent is None:
        return
    if can_ring(agent, at):
        journal.append(ticket, CalledAgain(call.id, agent.id), by=Actor.customer(ticket.customer_id), at=at)
    else:
        lifecycle.release(ticket, by=SYSTEM, at=at, reason="caller_waits")
