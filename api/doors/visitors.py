"""Who knocks at the chat's doors: the visitor's session by their token, and what they send, strictly read."""

from typing import Any

import orjson
from flask import Response, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import UnprocessableEntity

from api.doors.origins import must_be_welcome
from api.errors import Refused
from channels import webchat
from channels.errors import MalformedPayload
from channels.models import ChatSession
from channels.registry import adapter
from channels.webchat import WebChatChannel
from ticketing.envelope import Channel

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
BLOCKED = "this desk takes nothing from you here any more"


def chat_channel() -> WebChatChannel:
    """Return the web chat's adapter."""
    found = adapter(Channel.CHAT)
    if not isinstance(found, WebChatChannel):
        raise TypeError("the chat channel is not web chat")
    return found


def visitor_session(*, writing: bool = False, token: str = "") -> ChatSession:
    """Return the session whose token this request carries, with its inbox and queue.

    `writing` refuses a visitor who is blocked; `token` stands for the header where there can be none. Raises
    InvalidSignature, NotFound, Refused.
    """
    authorization = f"Bearer {token}" if token else request.headers.get("Authorization", "")
    session = webchat.find_session(chat_channel().visitor(authorization))
    must_be_welcome(session.inbox)
    if writing and webchat.is_blocked(session):
        raise Refused(403, "blocked", BLOCKED)
    return session


def asked(schema: type[Schema]) -> dict[str, Any]:
    """Return the JSON object of this request as the schema loads it; no body is an empty one.

    The media type does not matter: `navigator.sendBeacon` cannot choose it. Raises MalformedPayload, and 422 by field.
    """
    try:
        data = orjson.loads(request.get_data() or b"{}")
    except orjson.JSONDecodeError as error:
        raise MalformedPayload(f"the body is no valid JSON: {error}") from None
    try:
        found: dict[str, Any] = schema().load(data)
    except ValidationError as error:
        refused = UnprocessableEntity()
        refused.data = {"messages": {"json": error.messages}}  # type: ignore[attr-defined]  # as webargs does
        raise refused from None
    return found


def answer(body: dict[str, Any] | None = None, status: int = 200) -> Response:
    """Return JSON that nobody keeps; without a body, 204."""
    if body is None:
        return Response(status=204)
    return Response(orjson.dumps(body), status, headers=HEADERS, mimetype="application/json")
