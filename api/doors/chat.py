"""The doors of the web-chat widget: sessions and messages, with a visitor's token."""

from typing import Any

import orjson
from flask import Blueprint, Response, request

from api.doors.answers import told
from api.downloads import to_be_saved
from channels import gateway, webchat
from channels.errors import MalformedPayload
from channels.protocol import RawItem
from channels.registry import adapter
from channels.webchat import WebChatChannel
from ticketing.envelope import Channel, MessageState
from ticketing.models import Attachment, Message, MessageKind
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("chat", __name__, url_prefix="/chat")

MAX_PAGE = 200
MAX_ID = 2**63 - 1


@blueprint.post("/sessions")
def open_session() -> Response:
    """Start a chat: `{widget?, name?}` → 201 `{session, visitor_token}`."""
    data = _json()
    widget, name = _text(data, "widget"), _text(data, "name")
    with transaction("chat"):
        session = webchat.open_session(widget, name=name, at=utc_now())
    body = {"session": session.visitor, "visitor_token": _channel().token(session)}
    return Response(orjson.dumps(body), 201, mimetype="application/json")


@blueprint.post("/messages")
def write() -> Response:
    """Write: `{body, client_id}` → 201; the same `client_id` again → 200 and still one message."""
    authorization = request.headers.get("Authorization", "")
    session = webchat.find_session(_channel().visitor(authorization))
    now = utc_now()
    item = RawItem(
        channel=Channel.CHAT,
        kind="message",
        body=request.get_data(),
        received_at=now,
        content_type="application/json",
        headers={"authorization": authorization},
        meta={"visitor": session.visitor, "widget": session.inbox.address},
    )
    return told(gateway.receive(item, at=now), created=True)


@blueprint.get("/messages")
def read() -> Response:
    """Read the conversation: `{items, next}` from behind `?after=`; what the visitor gets counts as delivered."""
    session = webchat.find_session(_channel().visitor(request.headers.get("Authorization", "")))
    after = min(max(0, request.args.get("after", 0, type=int)), MAX_ID)
    found = webchat.conversation(session, after=after, limit=MAX_PAGE)
    items = [_shown(one) for one in found]
    now = utc_now()
    fetched = [one.id for one in found if one.state is MessageState.SENT]
    if fetched or webchat.is_stale(session, now):
        visitor = session.visitor
        with transaction("chat"):
            webchat.note_seen(visitor, fetched, at=now)
    body = {"items": items, "next": items[-1]["id"] if len(items) == MAX_PAGE else None}
    return Response(orjson.dumps(body), mimetype="application/json")


@blueprint.get("/attachments/<id:attachment_id>")
def download(attachment_id: int) -> Response:
    """Download a file of the visitor's own conversation, with the visitor's token."""
    session = webchat.find_session(_channel().visitor(request.headers.get("Authorization", "")))
    return to_be_saved(webchat.file_of(session, attachment_id))


def _shown(message: Message) -> dict[str, Any]:
    ours = message.kind is MessageKind.OUTBOUND
    author = message.author_agent.name if ours and message.author_agent else None
    return {
        "id": message.id,
        "from": "desk" if ours else "visitor",
        "author": author,
        "body": message.body,
        "attachments": [_file(one) for one in message.attachments],
        "client_id": None if ours else message.provider_id,
        "created_at": message.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


def _file(file: Attachment) -> dict[str, Any]:
    return {
        "id": file.id,
        "filename": file.filename,
        "content_type": file.content_type,
        "size": file.size,
        "url": f"/chat/attachments/{file.id}",
    }


def _channel() -> WebChatChannel:
    found = adapter(Channel.CHAT)
    if not isinstance(found, WebChatChannel):
        raise TypeError("the chat channel is not web chat")
    return found


def _json() -> dict[str, Any]:
    raw = request.get_data() or b"{}"
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise MalformedPayload("send JSON: {widget?, name?}") from None
    if not isinstance(data, dict):
        raise MalformedPayload("send a JSON object: {widget?, name?}")
    return data


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise MalformedPayload(f"{name} is a text")
    return value
