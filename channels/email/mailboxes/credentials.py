"""What logs us in at a mailbox: a password, or a grant of OAuth. Lies in the database as one encrypted text."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from channels.email.models import MailLogin
from ticketing.errors import InvalidInput
from ticketing.secrets import decrypt, encrypt


@dataclass(frozen=True)
class Password:
    """A password; some providers call one that is for programs an app password."""

    password: str = field(repr=False)


@dataclass(frozen=True)
class Grant:
    """What a person gave us at Microsoft's or Google's: the right to fetch access tokens for their mailbox.

    `tenant` is Microsoft's word for whose accounts; "" at Google's. Without a refresh token nobody has given it yet.
    The access token is kept as long as it is good, for all processes: until `expires_at`, in seconds of Unix time.
    """

    client_id: str
    client_secret: str = field(default="", repr=False)
    tenant: str = ""
    refresh_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    expires_at: float = 0.0


Credentials = Password | Grant


def seal(credentials: Credentials, secret_key: str) -> str:
    """Return the credentials as they are kept."""
    return encrypt(orjson.dumps(asdict(credentials)).decode(), secret_key)


def unseal(sealed: str, login: MailLogin, secret_key: str) -> Credentials:
    """Return kept credentials. Raises InvalidInput when COMPTOIR_SECRET_KEY is another one now."""
    kept: Mapping[str, Any] = orjson.loads(decrypt(sealed, secret_key))
    try:
        return Password(**kept) if login is MailLogin.PASSWORD else Grant(**kept)
    except TypeError:
        raise InvalidInput("the mailbox's secret is not for the way it logs in; connect it again") from None
