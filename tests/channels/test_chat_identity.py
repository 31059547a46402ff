"""A site's word for its visitor: what counts, and the sentence for everything that does not."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask

from channels.webchat.identity import IdentityRefused, Vouched, read_identity
from tests.api.chat_page import SITE_SECRET, identity, widget
from tests.conftest import NOON, SECRET_KEY
from ticketing.models import Inbox

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(sqlite_app: Flask) -> Inbox:
    return widget()


def read(token: str, shop: Inbox) -> Vouched:
    return read_identity(token, shop, secret_key=SECRET_KEY, at=NOON)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in (header, claims))
    return ".".join(parts) + "."


def test_a_site_vouches_for_a_name_and_addresses(shop: Inbox) -> None:
    token = identity(at=NOON, lasts=HOUR, name=" Karim ", email="Karim@home.example", phone="+15145550177")

    assert read(token, shop) == Vouched("user-7", "Karim", "Karim@home.example", "+15145550177")
    assert read(identity(at=NOON, aud=["website", "else"]), shop).subject == "user-7"
    assert read(identity(at=NOON, lasts=timedelta(seconds=-30)), shop).subject == "user-7"  # clocks differ


NOON_SECONDS = int(NOON.timestamp())
CLAIMS = {"sub": "user-7", "exp": NOON_SECONDS + 300}
REFUSED = {
    "nothing": ("", "no JSON Web Token"),
    "nonsense": ("a.b.c", "no JSON Web Token"),
    "too long": ("a" * 5000, "at most 4096"),
    "nested without end": ("e30." + base64.urlsafe_b64encode(b"[" * 2500).decode() + ".x", "no JSON Web Token"),
    "another secret": (identity(secret="another secret of 32 bytes, or more", at=NOON), "not signed with this widget"),
    "no signature": (unsigned({"alg": "none"}, CLAIMS), "another method"),
    "another method": (jwt.encode(CLAIMS, "x" * 64, "HS512"), "another method"),
    "without a name": (identity(None, at=NOON), "lacks the claim sub"),
    "a name that is a number": (identity(7, at=NOON), "no JSON Web Token"),
    "an empty name": (identity("  ", at=NOON), "an empty sub"),
    "a long name": (identity("u" * 201, at=NOON), "sub is a text of at most 200"),
    "without an end": (identity(at=NOON, exp=None), "lacks the claim exp"),
    "expired": (identity(at=NOON, lasts=-HOUR), "has expired"),
    "lasting for days": (identity(at=NOON, lasts=25 * HOUR), "at most a day ahead"),
    "lasting for ever": (identity(exp=10**18), "at most a day ahead"),
    "an end that is no number": (identity(exp="tomorrow"), "exp is a number"),
    "an end that is true": (identity(exp=True), "exp is a number"),
    "an end that is infinite": (identity(exp=float("inf")), "exp is a number"),
    "not yet": (identity(at=NOON, nbf=NOON_SECONDS + 3600), "still to come"),
    "for somebody else": (identity(at=NOON, aud="another"), "aud is not this widget's key"),
    "an odd address": (identity(at=NOON, email="no address"), "email: 'no address' is no email address"),
    "an address in a list": (identity(at=NOON, email=["a@b.example"]), "email is a text"),
    "a number without its country": (identity(at=NOON, phone="5145550177"), "phone: '5145550177' is no phone number"),
}


@pytest.mark.parametrize(("token", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_hold_is_refused_in_words(shop: Inbox, token: str, why: str) -> None:
    with pytest.raises(IdentityRefused) as caught:
        read(token, shop)

    assert why in str(caught.value)


def test_the_secret_of_another_widget_proves_nothing(shop: Inbox) -> None:
    other = widget("other", secret="the secret of another site, 32 bytes")
    none = widget("none")
    none.secret = None
    token = identity(at=NOON)

    assert read(token, shop).subject == "user-7"
    for inbox, why in ((other, "not signed with this widget"), (none, "no secret")):
        with pytest.raises(IdentityRefused, match=why):
            read(token, inbox)


def test_the_secret_is_not_read_from_the_token_as_a_public_key(shop: Inbox) -> None:
    token = jwt.encode(CLAIMS, SITE_SECRET, "HS256", headers={"jwk": {"kty": "oct", "k": "x"}, "kid": "../../x"})

    assert read(token, shop).subject == "user-7"
    with pytest.raises(IdentityRefused):
        read(token[:-3] + "abc", shop)
