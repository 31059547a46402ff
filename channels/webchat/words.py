"""Read what a visitor writes: JSON `{body, client_id, attachments?}`."""

from dataclasses import dataclass
from typing import Any

import orjson

from channels.errors import MalformedPayload, UnsupportedPayload
from ticketing.storable import storable

MAX_BODY = 10_000  # characters
MAX_CLIENT_ID = 100
MAX_FILES = 20
MAX_ID = 2**63 - 1
KNOWN = {"body", "client_id", "attachments"}


@dataclass(frozen=True)
class Words:
    """A visitor's message; `files` are ids of their uploads, as they say."""

    body: str
    client_id: str
    files: tuple[int, ...]


def words(raw: bytes) -> Words:
    """Return what was written. Raises MalformedPayload, and UnsupportedPayload for a message without anything in it."""
    try:
        data: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise MalformedPayload("a chat message is JSON: {body, client_id, attachments}") from None
    if not isinstance(data, dict):
        raise MalformedPayload("a chat message is a JSON object: {body, client_id, attachments}")
    unknown = sorted(data.keys() - KNOWN)
    if unknown:
        raise MalformedPayload(f"a chat message has no field {unknown[0][:40]!r}")
    files = _files(data.get("attachments"))
    body, client_id = data.get("body", "" if files else None), data.get("client_id")
    if not isinstance(body, str) or not isinstance(client_id, str) or not 0 < len(client_id) <= MAX_CLIENT_ID:
        raise MalformedPayload(f"a chat message needs a body and a client_id of at most {MAX_CLIENT_ID} characters")
    body, client_id = storable(body), storable(client_id)
    if not body.strip() and not files:
        raise UnsupportedPayload("a chat message without words says nothing")
    if len(body) > MAX_BODY:
        raise MalformedPayload(f"a chat message has at most {MAX_BODY} characters")
    return Words(body, client_id, files)


def _files(value: Any) -> tuple[int, ...]:
    wrong = MalformedPayload(f"a chat message's attachments are a list of at most {MAX_FILES} ids of uploads")
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_FILES:
        raise wrong
    if not all(isinstance(one, int) and not isinstance(one, bool) and 0 < one <= MAX_ID for one in value):
        raise wrong
    return tuple(dict.fromkeys(value))
