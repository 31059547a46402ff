"""The doors by which a widget says what its visitor does: types, has seen what we wrote, closes the page."""

from datetime import timedelta

from flask import Blueprint, Response, request

from api.doors.visitors import answer, asked, visitor_session
from api.schemas.chat import GoneSchema, SeenSchema, TypingSchema
from channels import webchat
from channels.webchat import presence
from ticketing.moment import rfc3339, utc_now
from ticketing.realtime import signal
from ticketing.transaction import transaction

blueprint = Blueprint("chat presence", __name__, url_prefix="/chat")

TYPES_FOR = timedelta(seconds=8)  # unless it is said again


@blueprint.post("/typing")
def typing() -> Response:
    """Say that the visitor types, or no longer: `{typing}`. It ends by itself: say it again every few seconds."""
    session, types = visitor_session(writing=True), asked(TypingSchema)["typing"]
    if session.ticket_id is not None:
        until = utc_now() + TYPES_FOR if types else utc_now()
        told = {"session": session.visitor, "typing": types, "until": rfc3339(until)}
        signal("chat_typing", ticket_id=session.ticket_id, session=session.visitor, data=told, lasts=10)
    return answer()


@blueprint.post("/seen")
def seen() -> Response:
    """Say that the visitor was shown all up to a message: `{until}`."""
    session, until = visitor_session(), asked(SeenSchema)["until"]
    if until <= session.read_until or session.ticket_id is None:
        return answer()
    visitor, ticket_id = session.visitor, session.ticket_id
    with transaction("chat"):
        read = webchat.note_read(visitor, until, at=utc_now())
    if read:
        signal("chat_seen", ticket_id=ticket_id, session=visitor, data={"session": visitor, "until": read})
    return answer()


@blueprint.post("/gone")
def gone() -> Response:
    """Say that the visitor closes the page: `{token}`, of any media type, for a beacon can choose no headers."""
    header = request.headers.get("Authorization")
    session = visitor_session() if header else visitor_session(token=asked(GoneSchema)["token"])
    visitor = session.visitor
    with transaction("chat"):
        presence.leave(visitor, at=utc_now())
    return answer()
