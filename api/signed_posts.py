"""Post JSON to somebody else's address, signed so that they can tell that it comes from us (Standard Webhooks 1.0.0).

`webhook-signature` is `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64; the key is what stands behind
`whsec_` in the secret, in base64. The same id comes with every attempt, so that a receiver can tell what it has had.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from api import outgoing
from config.settings import Settings, derived_key

PREFIX = "whsec_"
GONE = 410  # whoever answers this wants no more of them
TIMEOUT = 8.0  # seconds
MOST_READ = 100_000  # bytes of an answer that nobody looks at


class NotTaken(Exception):
    """The other side did not take it; `for_good` when there is no use in trying again."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


def new_secret() -> str:
    """Return a secret for one receiver, to be shown once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_of(url: str, settings: Settings) -> str:
    """Return the secret for an address that a policy posts to; it follows from the address and the desk's own key."""
    key = bytes.fromhex(derived_key(settings.secret_key, f"posts to {url}"))
    return PREFIX + base64.b64encode(key).decode()


def post(
    url: str, content: Mapping[str, Any], *, message_id: str, secret: str, at: datetime, settings: Settings
) -> None:
    """Post the content as JSON, outside any transaction. Raises NotTaken unless the answer is 2xx."""
    body = orjson.dumps(content)
    headers = {"Content-Type": "application/json", **signature(secret, message_id, body, at=at)}
    try:
        answer = outgoing.fetch(
            url,
            method="POST",
            headers=headers,
            body=body,
            limit_bytes=MOST_READ,
            timeout_seconds=TIMEOUT,
            allow_private=settings.private_addresses,
        )
    except outgoing.AddressRefused as error:
        raise NotTaken(str(error), for_good=True) from None
    except outgoing.CallFailed as error:
        raise NotTaken(str(error)) from None
    if not answer.is_ok:
        raise NotTaken(f"it answered {answer.status}", for_good=answer.status == GONE)


def signature(secret: str, message_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """Return the headers that say what it is and that it is ours."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    key = base64.b64decode(secret.removeprefix(PREFIX))
    code = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{code}"}
