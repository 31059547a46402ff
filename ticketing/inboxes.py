"""Our own addresses: make them, and give them secrets."""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.handles import fold
from ticketing.models import Inbox, Queue
from ticketing.secrets import encrypt
from ticketing.skills import clean_skills
from ticketing.store import db

MAX_NAME = 100
MAX_GREETING = 1000
WIDGET_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")  # BCP 47, as far as anybody speaks it


def create_inbox(
    channel: Channel,
    address: str,
    *,
    name: str,
    queue: Queue,
    secret_key: str,
    at: datetime,
    settings: dict[str, Any] | None = None,
) -> Inbox:
    """Add an address of ours that fills a queue; a mail inbox gets a secret for its HTTP door.

    Raises InvalidHandle, InvalidInput, Conflict when there is such an inbox.
    """
    if channel not in HANDLE_KINDS:
        raise InvalidInput(f"there are no inboxes on the channel {channel}")
    inbox = Inbox(
        channel=channel,
        name=_named(name),
        address=_folded(channel, address),
        queue=queue,
        settings=settings or {},
        secret=encrypt(secrets.token_urlsafe(32), secret_key) if channel is Channel.EMAIL else None,
        created_at=at,
    )
    try:
        with db.session().begin_nested():
            db.session().add(inbox)
            db.session().flush()
    except IntegrityError:
        raise Conflict(f"there is an inbox {address} on the channel {channel} already") from None
    return inbox


def change_inbox(
    inbox: Inbox, *, name: str | None = None, queue: Queue | None = None, settings: Mapping[str, Any] | None = None
) -> None:
    """Rename an inbox, have it fill another queue, change settings; None leaves a thing as it is, also a setting.

    Tickets that are there stay where they are. Raises InvalidInput.
    """
    if name is not None:
        inbox.name = _named(name)
    if queue is not None:
        inbox.queue, inbox.queue_id = queue, queue.id
    if settings is not None:
        gone = {key for key, value in settings.items() if value is None}
        inbox.settings = {key: value for key, value in inbox.settings.items() if key not in gone} | checked(
            {key: value for key, value in settings.items() if value is not None}
        )


def checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they are kept. Raises InvalidInput for one that there is not, or that makes no sense."""
    for key in settings:
        if key not in SETTINGS:
            raise InvalidInput(f"an inbox has no setting {key[:30]!r}; it has {', '.join(SETTINGS)}")
    return {key: SETTINGS[key](value) for key, value in settings.items()}


def shown_settings(inbox: Inbox) -> dict[str, Any]:
    """Return the settings that may be read; what else an inbox keeps is nobody's business."""
    return {key: inbox.settings[key] for key in SETTINGS if key in inbox.settings}


def find_inbox(channel: Channel, address: str) -> Inbox:
    """Return an inbox by its address. Raises NotFound, InvalidHandle."""
    query = select(Inbox).where(Inbox.channel == channel, Inbox.address == _folded(channel, address))
    inbox = db.session().scalar(query)
    if inbox is None:
        raise NotFound(f"there is no inbox {address} on the channel {channel}")
    return inbox


def new_secret(inbox: Inbox, secret_key: str) -> str:
    """Give a mail inbox another secret, which ends the old one, and return it. Raises InvalidInput for another sort."""
    if inbox.channel is not Channel.EMAIL:
        raise InvalidInput(f"only mail comes by secret; nothing on the channel {inbox.channel} needs one")
    secret = secrets.token_urlsafe(32)
    inbox.secret = encrypt(secret, secret_key)
    return secret


def _named(name: str) -> str:
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= MAX_NAME:
        raise InvalidInput(f"an inbox's name, which customers read, has 1 to {MAX_NAME} characters")
    return cleaned


def _language(value: Any) -> str:
    if not isinstance(value, str) or not LANGUAGE.fullmatch(value):
        raise InvalidInput("an inbox's language is a tag like en-US or fr-CA")
    return value


def _greeting(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_GREETING:
        raise InvalidInput(f"an inbox's greeting has 1 to {MAX_GREETING} characters")
    return value.strip()


def _skills(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidInput("an inbox's skills are a list of names")
    return clean_skills(value)


SETTINGS: dict[str, Callable[[Any], Any]] = {
    "language": _language,  # in which customers are spoken to who have not said theirs
    "greeting": _greeting,  # what callers hear
    "skills": _skills,  # what its new tickets ask of an agent
}


def _folded(channel: Channel, address: str) -> str:
    kind = HANDLE_KINDS[channel]
    return _widget_key(address.strip()) if kind is HandleKind.VISITOR else fold(kind, address)


def _widget_key(key: str) -> str:
    if not WIDGET_KEY.fullmatch(key):
        raise InvalidInput("a chat widget's key has 1 to 64 letters, digits, dots, dashes and underscores")
    return key
