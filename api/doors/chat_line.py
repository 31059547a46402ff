"""The doors by which a visitor leaves the line of a chat with their place kept, ends it, rates it, has it mailed."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response

from api.calling_back import proposed
from api.doors.chat import shown_session
from api.doors.visitors import answer, asked, visitor_session
from api.limits import limits, over_limit
from api.opening import opening_of
from api.schemas.chat_line import CallMeSchema, NothingSchema, RatingSchema, TextMeSchema, TranscriptSchema
from channels.models import ChatSession
from channels.phone import callbacks
from channels.phone.callbacks import Window
from channels.phone.slots import Slot, SlotKind
from channels.webchat import find_session, leaving, rating, transcripts
from channels.webchat.standing import queue_of, ticket_of
from config.settings import Rate
from ticketing.envelope import HandleKind
from ticketing.errors import Conflict, InvalidInput
from ticketing.handles import fold
from ticketing.models import Queue
from ticketing.moment import rfc3339, utc_now
from ticketing.queue_settings import QueueSettings
from ticketing.transaction import transaction

blueprint = Blueprint("chat line", __name__, url_prefix="/chat")

TO_A_NUMBER = Rate(3, 86_400)  # texts that visitors have us send to one number
TO_AN_ADDRESS = Rate(3, 86_400)  # likewise, transcripts
SLOW_CHOICE = timedelta(minutes=15)  # what was proposed so long ago may still be chosen


@blueprint.get("/callback")
def windows() -> Response:
    """Say when the visitor may be called back: `{windows: [{from, to}], now}`."""
    slots, _ = proposed(_callable_queue(visitor_session()), at=utc_now())
    later = [
        {"from": rfc3339(one.not_before), "to": rfc3339(one.not_after)} for one in slots if one.not_after is not None
    ]
    return answer({"windows": later, "now": any(one.kind is SlotKind.NOW for one in slots)})


@blueprint.post("/callback")
def call_back() -> Response:
    """Call the visitor instead, with their place kept: `{phone, from?, to?}` → 201 the session."""
    session, wanted = visitor_session(writing=True), asked(CallMeSchema)
    now, queue = utc_now(), _callable_queue(session)
    window, zone = _window(queue, wanted, now)
    reason = callbacks.ASKED if opening_of(queue, at=now).is_open else callbacks.CLOSED
    visitor = session.visitor
    with transaction("chat"):
        leaving.call_back(visitor, wanted["phone"], window, reason=reason, zone=zone, at=now)
    return answer(_shown(visitor), 201)


@blueprint.post("/text")
def text() -> Response:
    """Go on by text message, on the same ticket, with the place kept: `{phone}` → 201 the session."""
    session, phone = visitor_session(writing=True), asked(TextMeSchema)["phone"]
    if not QueueSettings.of(queue_of(session, ticket_of(session)).settings).text_instead:
        raise Conflict("this desk does not go on by text message")
    visitor = session.visitor
    _count("text", "".join(mark for mark in phone if mark.isdigit())[-9:], TO_A_NUMBER)
    with transaction("chat"):
        leaving.go_by_text(visitor, phone, at=utc_now())
    return answer(_shown(visitor), 201)


@blueprint.post("/end")
def end() -> Response:
    """Say that the visitor is done → the session. Their next word takes it back."""
    session, _ = visitor_session(), asked(NothingSchema)
    visitor = session.visitor
    with transaction("chat"):
        leaving.end(visitor, at=utc_now())
    return answer(_shown(visitor))


@blueprint.post("/rating")
def rate() -> Response:
    """Say how the visitor found the chat: `{score, comment?}` → 204."""
    session, said = visitor_session(writing=True), asked(RatingSchema)
    visitor = session.visitor
    with transaction("chat"):
        rating.rate(visitor, said["score"], said["comment"], at=utc_now())
    return answer()


@blueprint.post("/transcript")
def send_transcript() -> Response:
    """Mail the visitor what was said: `{email?}` → 202."""
    session, typed = visitor_session(writing=True), asked(TranscriptSchema)["email"]
    if typed:
        _count("transcript", fold(HandleKind.EMAIL, typed), TO_AN_ADDRESS)
    visitor = session.visitor
    with transaction("chat"):
        transcripts.send(visitor, typed, at=utc_now())
    return answer({"sent": True}, 202)


def _shown(visitor: str) -> dict[str, Any]:
    return shown_session(find_session(visitor))


def _callable_queue(session: ChatSession) -> Queue:
    """Return the queue that would call the visitor. Raises Conflict where it calls nobody back."""
    queue = queue_of(session, ticket_of(session))
    if not QueueSettings.of(queue.settings).callback.enabled:
        raise Conflict("this desk calls nobody back")
    return queue


def _window(queue: Queue, wanted: dict[str, Any], now: datetime) -> tuple[Window, ZoneInfo]:
    """Return the window that the visitor chose, of those that were proposed to them a moment ago."""
    slots, zone = proposed(queue, at=now)
    if "since" not in wanted:
        if not slots:
            raise Conflict("nobody knows when this desk calls again")
        return Window(slots[0].not_before, slots[0].not_after), zone
    before, _ = proposed(queue, at=now - SLOW_CHOICE)
    since, until = wanted["since"], wanted["until"]
    if since >= until or not _is_among([*slots, *before], since, until):
        raise InvalidInput("choose one of the windows of GET /chat/callback, or none for as soon as possible")
    return Window(since, until), zone


def _is_among(slots: Sequence[Slot], since: datetime, until: datetime) -> bool:
    return any(one.not_after is not None and one.not_before <= since and until <= one.not_after for one in slots)


def _count(what: str, address: str, rate: Rate) -> None:
    """Count what strangers have us send to an address that they typed. Raises Refused."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:32]
    standing = limits().hit(f"chat-{what}:{digest}", rate, exactly=True)
    if standing.is_over:
        raise over_limit(standing)
