"""The doors of the web-chat widget: sessions and messages, with a visitor's token."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, request

from api.doors.answers import told
from api.doors.origins import must_be_welcome
from api.doors.visitors import answer, asked, chat_channel, visitor_session
from api.opening import opening_of
from api.schemas.chat import NewSessionSchema, SaidSchema
from api.visiting import tell_presence
from channels import gateway, webchat
from channels.models import ChatSession
from channels.protocol import RawItem
from channels.webchat.conversation import is_known
from channels.webchat.files import must_be_theirs
from channels.webchat.identity import Vouched, read_identity
from channels.webchat.sessions import SaysOfThemselves
from channels.webchat.standing import line_standing, queue_of, standing_of, ticket_of
from channels.webchat.tokens import RENEWED_AFTER, TOKEN_LIFETIME
from channels.webchat.visitors import Changed, change
from channels.webchat.widgets import (
    checked_fields,
    file_rules,
    find_widget,
    in_language,
    language_for,
    languages,
    texts_for,
)
from channels.webchat.words import words
from config.settings import Settings
from ticketing.envelope import Channel, HandleKind, MessageState
from ticketing.errors import InvalidInput
from ticketing.handles import fold
from ticketing.languages import language_tag
from ticketing.models import Attachment, Inbox, Message, MessageKind
from ticketing.moment import rfc3339, utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("chat", __name__, url_prefix="/chat")

MAX_PAGE = 200
MAX_ID = 2**63 - 1
PAGES = ("https://", "http://")


@blueprint.get("/widget")
def widget() -> Response:
    """Say what a page needs to show a widget: `?key=&language=`, without any token."""
    inbox = find_widget(request.args.get("key", "")[:200])
    must_be_welcome(inbox)
    spoken = language_for(inbox, _language(request.args.get("language", "")[:100]))
    at = utc_now()
    line = line_standing(inbox, opening_of(inbox.queue, at=at), language=spoken, at=at)
    rules = file_rules(inbox, largest=_settings().attachment_max_bytes)
    shown = {
        "key": inbox.address,
        "name": inbox.name,
        "language": spoken,
        "languages": languages(inbox),
        "texts": texts_for(inbox, spoken),
        "colour": inbox.settings.get("colour"),
        "fields": [{**one, "label": in_language(one["label"], spoken)} for one in inbox.settings.get("fields", ())],
        "files": {"max_bytes": rules.max_bytes, "most": rules.most, "types": rules.types},
    }
    return answer(shown | line.shown())


@blueprint.post("/sessions")
def open_session() -> Response:
    """Begin a chat: `{widget?, name?, email?, phone?, fields?, page?, language?, identity?}`."""
    data, at = asked(NewSessionSchema), utc_now()
    inbox = find_widget(data.pop("widget"))
    must_be_welcome(inbox)
    who = _identity(data, inbox)
    said = _said(data)
    own = {"name": said.name or "", "email": said.email or "", "phone": said.phone or ""}
    if who is not None:
        own = {name: value or getattr(who, name) for name, value in own.items()}
    kept = checked_fields(inbox, data["fields"], own)
    says = SaysOfThemselves(**{name: value or "" for name, value in vars(said).items()}, fields=kept)
    with transaction("chat"):
        session = webchat.open_session(inbox.address, says=says, at=at)
        if who is not None:
            change(session.visitor, Changed(), who, at=at)
    token = chat_channel().token(session)
    body = {"session": session.visitor, "visitor_token": token, "expires_at": rfc3339(at + TOKEN_LIFETIME)}
    return answer(body, 201)


@blueprint.get("/session")
def show_session() -> Response:
    """Say how the chat stands; with a new token where this one is not of today."""
    session = visitor_session()
    _, since = chat_channel().tokens.read(request.headers.get("Authorization", ""))
    renewed = {}
    at = utc_now()
    if at - since >= RENEWED_AFTER:
        renewed = {"visitor_token": chat_channel().token(session), "expires_at": rfc3339(at + TOKEN_LIFETIME)}
    return answer(shown_session(session) | renewed)


@blueprint.patch("/session")
def change_session() -> Response:
    """Say who one is, or is now: `{name?, email?, phone?, page?, language?, identity?}`."""
    session = visitor_session(writing=True)
    data = asked(SaidSchema)
    who, visitor = _identity(data, session.inbox), session.visitor
    says = _said(data)
    with transaction("chat"):
        session = change(visitor, says, who, at=utc_now())
    return answer(shown_session(session))


def shown_session(session: ChatSession) -> dict[str, Any]:
    """Return how a chat stands, as its widget reads it."""
    at, ticket = utc_now(), ticket_of(session)
    return standing_of(session, ticket, opening_of(queue_of(session, ticket), at=at), at=at).shown()


@blueprint.post("/messages")
def write() -> Response:
    """Write: `{body, client_id, attachments?}` → 201; the same `client_id` again → 200 and still one message."""
    session = visitor_session(writing=True)
    said, now = words(request.get_data()), utc_now()  # a stranger's nonsense is not worth keeping
    item = RawItem(
        channel=Channel.CHAT,
        kind="message",
        body=request.get_data(),
        received_at=now,
        content_type="application/json",
        headers={"authorization": request.headers.get("Authorization", "")},
        meta={"visitor": session.visitor, "widget": session.inbox.address, **_line(session, now)},
    )
    if said.files and not is_known(session, said.client_id):
        rules = file_rules(session.inbox, largest=_settings().attachment_max_bytes)
        must_be_theirs(session, said.files, most=rules.most)
    return told(gateway.receive(item, at=now), created=True)


def _line(session: ChatSession, at: datetime) -> dict[str, str]:
    """Return whether who writes gets a place in the line, as the message's adapter wants to know it."""
    return {"line": opening_of(queue_of(session, ticket_of(session)), at=at).meta()["line"]}


@blueprint.get("/messages")
def read() -> Response:
    """Read the conversation: `{items, next}` from behind `?after=`; what the visitor gets counts as delivered."""
    session = visitor_session()
    after = min(max(0, request.args.get("after", 0, type=int)), MAX_ID)
    found = webchat.conversation(session, after=after, limit=MAX_PAGE)
    items = [_shown(one) for one in found]
    now = utc_now()
    fetched = [one.id for one in found if one.state is MessageState.SENT and one.channel is Channel.CHAT]
    if fetched or webchat.is_stale(session, now):
        visitor, ticket_id = session.visitor, session.ticket_id
        with transaction("chat"):
            was_away = webchat.note_seen(visitor, fetched, at=now)
        if was_away and ticket_id is not None:
            tell_presence(ticket_id, visitor, away_since=None)
    return answer({"items": items, "next": items[-1]["id"] if len(items) == MAX_PAGE else None})


def _shown(message: Message) -> dict[str, Any]:
    ours = message.kind is MessageKind.OUTBOUND
    author = message.author_agent.name if ours and message.author_agent else None
    return {
        "id": message.id,
        "from": "visitor" if not ours else "desk" if author else "system",
        "author": author,
        "body": message.body,
        "attachments": [shown_file(one) for one in message.attachments],
        "client_id": None if ours else message.provider_id,
        "state": message.state,
        "created_at": rfc3339(message.created_at),
    }


def shown_file(file: Attachment) -> dict[str, Any]:
    """Return a file as the widget reads of it; `url` wants the visitor's token."""
    return {
        "id": file.id,
        "filename": file.filename,
        "content_type": file.content_type,
        "size": file.size,
        "url": f"/chat/attachments/{file.id}",
    }


def _identity(data: dict[str, Any], inbox: Inbox) -> Vouched | None:
    token = data.pop("identity", "")
    return read_identity(token, inbox, secret_key=_settings().secret_key, at=utc_now()) if token else None


def _said(data: dict[str, Any]) -> Changed:
    """Return what a visitor says, as it is kept. Raises InvalidInput."""
    said = Changed(**{name: value for name, value in data.items() if name != "fields"})
    if said.email:
        fold(HandleKind.EMAIL, said.email)
    if said.phone:
        said = replace(said, phone=fold(HandleKind.PHONE, said.phone))
    if said.page and not said.page.casefold().startswith(PAGES):
        raise InvalidInput("page is the address of the page, https://…")
    return said if said.language is None else replace(said, language=language_tag(said.language))


def _language(wanted: str) -> str:
    try:
        return language_tag(wanted)
    except InvalidInput:
        return ""  # a page's odd tag shall not cost it the widget


def _settings() -> Settings:
    found: Settings = current_app.extensions["comptoir.settings"]
    return found
