"""Our own addresses: make them, and give them secrets."""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ticketing import widget_settings
from ticketing.approved import checked_templates
from ticketing.envelope import HANDLE_KINDS, Channel, HandleKind
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.handles import fold
from ticketing.models import Inbox, Queue
from ticketing.placeholders import check
from ticketing.secrets import encrypt
from ticketing.skills import clean_skills
from ticketing.spoken_words import checked_words
from ticketing.store import db
from ticketing.templates.shipped import BESIDES
from ticketing.wording import checked_bodies

MAX_NAME = 100
MAX_SIGNATURE = 2000
ACKNOWLEDGED_EVERY = 3600  # seconds: a sender is told once in this time
ACKNOWLEDGE_WINDOWS = range(60, 30 * 86_400 + 1)
WITH_SECRET = frozenset({Channel.EMAIL, Channel.CHAT})
MENU_KEYS = tuple("1234567890")
VOICE = re.compile(r"[A-Za-z0-9]{1,20}([.-][A-Za-z0-9]{1,30}){0,6}")
WIDGET_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
MESSAGING_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
CONVERSATION_DAYS = range(1, 366)
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
    """Give an inbox another secret, which ends the old one, and return it. Raises InvalidInput for other channels.

    Mail comes in by it; with a chat widget's, a site signs who its visitors are (channels.webchat.identity).
    """
    if inbox.channel not in WITH_SECRET:
        raise InvalidInput(f"only mail and chat have secrets; nothing on the channel {inbox.channel} needs one")
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


def _voice(value: Any) -> str:
    if not isinstance(value, str) or not VOICE.fullmatch(value):
        raise InvalidInput("an inbox's voice is one of Twilio's, such as Polly.Joanna-Neural or Google.fr-FR-Neural2-A")
    return value


def _menu(value: Any) -> dict[str, Any]:
    """Return what callers choose from: `{"prompt": words, "options": {"1": a queue's id}}`."""
    if not isinstance(value, Mapping) or value.keys() != {"prompt", "options"}:
        raise InvalidInput("an inbox's menu is an object with prompt and options")
    options = value["options"]
    if not isinstance(options, Mapping) or not 0 < len(options) <= len(MENU_KEYS):
        raise InvalidInput('an inbox\'s menu has options by key, such as {"1": 3}: the id of the queue')
    for key, queue_id in options.items():
        if key not in MENU_KEYS:
            raise InvalidInput(f"a menu has the keys 1 to 9 and 0, not {str(key)[:10]!r}")
        if not isinstance(queue_id, int) or isinstance(queue_id, bool) or not 0 < queue_id < 2**63:
            raise InvalidInput(f"a menu's key {key} names no queue by its id")
        if db.session().get(Queue, queue_id) is None:
            raise InvalidInput(f"a menu's key {key} names queue {queue_id}, which is not there")
    return {"prompt": checked_words("a menu's prompt", value["prompt"]), "options": dict(sorted(options.items()))}


def _skills(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidInput("an inbox's skills are a list of names")
    return clean_skills(value)


def _sender_name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_NAME or len(value.splitlines()) != 1:
        raise InvalidInput(f"an inbox's sender_name has 1 to {MAX_NAME} characters, on one line")
    check(value)
    return value.strip()


def _signature(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_SIGNATURE:
        raise InvalidInput(f"an inbox's signature has 1 to {MAX_SIGNATURE} characters")
    check(value)
    return value.strip("\r\n")


def _acknowledge(value: Any) -> dict[str, Any]:
    """Return whether and how mail is acknowledged, see api.acknowledging."""
    if not isinstance(value, Mapping) or value.keys() - {"enabled", "bodies", "window_seconds"}:
        raise InvalidInput("an inbox's acknowledge is an object with enabled, bodies and window_seconds")
    enabled, every = value.get("enabled", True), value.get("window_seconds", ACKNOWLEDGED_EVERY)
    if not isinstance(enabled, bool):
        raise InvalidInput("an inbox acknowledges mail or does not: enabled is true or false")
    if not isinstance(every, int) or isinstance(every, bool) or every not in ACKNOWLEDGE_WINDOWS:
        first, last = ACKNOWLEDGE_WINDOWS[0], ACKNOWLEDGE_WINDOWS[-1]
        raise InvalidInput(f"an inbox acknowledges at most one mail of a sender in {first} to {last} seconds")
    bodies = _bodies(value.get("bodies", {}))
    return {"enabled": enabled, "window_seconds": every} | ({"bodies": bodies} if bodies else {})


def _bodies(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for pair in value.items() for one in pair):
        raise InvalidInput("the words of an acknowledgement are texts by language")
    return checked_bodies(value, besides=BESIDES["acknowledgement"]) if value else {}


def _conversation_days(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value not in CONVERSATION_DAYS:
        first, last = CONVERSATION_DAYS[0], CONVERSATION_DAYS[-1]
        raise InvalidInput(f"an inbox's conversation_days are {first} to {last}")
    return value


def _messaging_service(value: Any) -> str:
    if not isinstance(value, str) or not MESSAGING_SERVICE.fullmatch(value):
        raise InvalidInput("an inbox's messaging_service is its SID at Twilio: MG and 32 hex digits")
    return value


def _flag(name: str) -> Callable[[Any], bool]:
    def flag(value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidInput(f"an inbox's {name} is true or false")
        return value

    return flag


SETTINGS: dict[str, Callable[[Any], Any]] = {
    "language": _language,  # in which customers are spoken to who have not said theirs
    "greeting": lambda value: checked_words("an inbox's greeting", value),  # what callers hear first
    "closed_greeting": lambda value: checked_words("an inbox's closed_greeting", value),  # and while we are closed
    "voice": _voice,  # in which callers are spoken to
    "menu": _menu,  # which key leads callers to which queue
    "skills": _skills,  # what its new tickets ask of an agent
    "acknowledge": _acknowledge,  # whether who opens a ticket by mail is told that it has arrived
    "agents_forward": _flag("agents_forward"),  # whether a mail that an agent passes on is the customer's who wrote it
    "sender_name": _sender_name,  # who mail is from, with variables; without it, the agent
    "signature": _signature,  # below every mail, Markdown with variables
    "quote_history": _flag("quote_history"),  # whether a mail repeats what it answers; without it, yes
    "conversation_days": _conversation_days,  # how long a text, or a call, continues the last ticket
    "messaging_service": _messaging_service,  # by which its texts leave, from and to any of its numbers
    "templates": checked_templates,  # approved beforehand, for WhatsApp: see ticketing.approved
    "origins": widget_settings.origins,  # on whose pages its chat widget may stand, besides our own
    "colour": widget_settings.colour,  # of the widget
    "fields": widget_settings.fields,  # what its visitors are asked first
    "texts": widget_settings.texts,  # the widget's own words, by language
    "languages": widget_settings.languages,  # that the widget speaks, the usual one first
    "files": widget_settings.files,  # what its visitors may send along
}


def _folded(channel: Channel, address: str) -> str:
    kind = HANDLE_KINDS[channel]
    return _widget_key(address.strip()) if kind is HandleKind.VISITOR else fold(kind, address)


def _widget_key(key: str) -> str:
    if not WIDGET_KEY.fullmatch(key):
        raise InvalidInput("a chat widget's key has 1 to 64 letters, digits, dots, dashes and underscores")
    return key
