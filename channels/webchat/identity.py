"""Who a visitor is by the word of the site on which the widget stands: a JSON Web Token (RFC 7519), signed with HS256
by the widget's own secret.

The site must be sure who is logged in, and gives its pages a token that ends soon; typed addresses prove nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

import jwt

from channels.errors import InvalidSignature
from ticketing.envelope import HandleKind, Sender
from ticketing.errors import InvalidHandle
from ticketing.handles import fold
from ticketing.models import Inbox
from ticketing.secrets import decrypt
from ticketing.storable import storable

ALGORITHMS = ["HS256"]  # and never what the token itself names
LONGEST = 4096  # characters of a token
LONGEST_SUBJECT = 200
LONGEST_NAME = 100
MOST_AHEAD = timedelta(days=1)  # what lasts longer is a password on a page
SLACK = timedelta(minutes=1)  # between the site's clock and ours
UNCHECKED = ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_jti")


class IdentityRefused(InvalidSignature):
    """The site's word for a visitor does not hold."""

    code = "identity_refused"


@dataclass(frozen=True)
class Vouched:
    """Whom a site vouches for: its own name for them, and the addresses that it has verified, "" for none."""

    subject: str
    name: str = ""
    email: str = ""
    phone: str = ""

    def senders(self) -> list[Sender]:
        """Return their addresses."""
        found = ((HandleKind.EMAIL, self.email), (HandleKind.PHONE, self.phone))
        return [Sender(kind, address, self.name) for kind, address in found if address]


def read_identity(token: str, widget: Inbox, *, secret_key: str, at: datetime) -> Vouched:
    """Return whom the token vouches for. Raises IdentityRefused, whose sentence is for whoever builds the site."""
    if widget.secret is None:
        raise IdentityRefused("this widget has no secret to sign with; an admin makes one, see docs/chat.md")
    claims = _verified(token, decrypt(widget.secret, secret_key))
    _must_be_timely(claims, at)
    audience = claims.get("aud")
    if audience is not None and widget.address not in (audience if isinstance(audience, list) else [audience]):
        raise IdentityRefused("the identity is meant for somebody else: its aud is not this widget's key")
    subject = _text(claims, "sub", LONGEST_SUBJECT)
    if not subject:
        raise IdentityRefused("the identity has an empty sub")
    email, phone = _address(claims, "email", HandleKind.EMAIL), _address(claims, "phone", HandleKind.PHONE)
    return Vouched(subject=subject, name=_text(claims, "name", LONGEST_NAME), email=email, phone=phone)


def _verified(token: str, secret: str) -> dict[str, Any]:
    if len(token) > LONGEST:
        raise IdentityRefused(f"an identity has at most {LONGEST} characters")
    options: Any = {"require": ["sub", "exp"], **dict.fromkeys(UNCHECKED, False)}
    try:
        return jwt.decode(token, secret, algorithms=ALGORITHMS, options=options)
    except jwt.MissingRequiredClaimError as error:
        raise IdentityRefused(f"the identity lacks the claim {error.claim}") from None
    except jwt.InvalidSignatureError:
        raise IdentityRefused("the identity is not signed with this widget's secret") from None
    except jwt.InvalidAlgorithmError:
        raise IdentityRefused("the identity is signed by another method than HS256") from None
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise IdentityRefused("the identity is no JSON Web Token that can be read, with a sub that is text") from None


def _must_be_timely(claims: dict[str, Any], at: datetime) -> None:
    now = at.timestamp()
    ends, begins = _seconds(claims, "exp"), _seconds(claims, "nbf") if "nbf" in claims else now
    if ends <= now - SLACK.total_seconds():
        raise IdentityRefused("the identity has expired; the site makes a new one for each page")
    if ends > now + (MOST_AHEAD + SLACK).total_seconds():
        raise IdentityRefused("the identity lasts too long: its exp is at most a day ahead")
    if begins > now + SLACK.total_seconds():
        raise IdentityRefused("the identity does not count yet: its nbf is still to come")


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise IdentityRefused(f"the identity's {name} is a number: seconds since 1970")
    return float(value) if abs(value) < 1e15 else float("inf") if value > 0 else float("-inf")


def _text(claims: dict[str, Any], name: str, longest: int) -> str:
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise IdentityRefused(f"the identity's {name} is a text of at most {longest} characters")
    return storable(value).strip()


def _address(claims: dict[str, Any], name: str, kind: HandleKind) -> str:
    address = _text(claims, name, 300)
    try:
        return address if not address or fold(kind, address) else ""
    except InvalidHandle as error:
        raise IdentityRefused(f"the identity's {name}: {error}") from None
