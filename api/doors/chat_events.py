"""The visitor's stream: hints that there is something to fetch, of their own session alone."""

from flask import Blueprint, Response, request

from api.doors.visitors import chat_channel, visitor_session
from api.realtime.feed import connection, feed, resumed
from api.realtime.listeners import VisitorListener
from api.visiting import tell_presence
from channels import webchat
from channels.webchat.presence import be_present
from channels.webchat.tokens import TOKEN_LIFETIME
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

blueprint = Blueprint("chat_events", __name__, url_prefix="/chat")


@blueprint.get("/events")
def listen() -> Response:
    """Listen, with the visitor's token; see docs/realtime.md. Whoever listens is there."""
    session, now = visitor_session(), utc_now()
    visitor, ticket_id, is_stale = session.visitor, session.ticket_id, webchat.is_stale(session, now)
    _, since = chat_channel().tokens.read(request.headers.get("Authorization", ""))
    news = feed()
    if request.method == "HEAD":
        return Response(mimetype="text/event-stream")
    if is_stale:
        with transaction("chat"):
            was_away = be_present(visitor, at=now)
        if was_away and ticket_id is not None:
            tell_presence(ticket_id, visitor, away_since=None)
    db.session.remove()  # nothing of the database is held while the stream waits
    return news.stream(VisitorListener(visitor, since + TOKEN_LIFETIME, resumed(), connection()))
