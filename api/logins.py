"""What the edge knows of somebody who logs in: where from, on which device, how often they were wrong; and the cookies.

An address that is nobody's is refused in the same words, after the same time and with the same growing wait as a
colleague's, so that nobody learns here who works at the desk.
"""

import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Response, after_this_request, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from api import hashing
from api.auth import COOKIE, caller
from api.errors import Refused
from api.limits import calling_address, limits, over_limit
from config.settings import Rate, Settings, derived_key
from ticketing import audit, logins
from ticketing.credentials import find_credential, wait_after
from ticketing.errors import Conflict
from ticketing.events import Actor
from ticketing.logins import Attempt, Refusal
from ticketing.moment import utc_now
from ticketing.passwords import is_dated
from ticketing.sessions import LIFETIME, Opened
from ticketing.transaction import transaction

DEVICE_COOKIE = "comptoir_device"
DEVICE_LASTS = timedelta(days=180)
DEVICE_RATE = Rate(10, 900)  # failures on a device that is known; beyond, it is one like any other
CONFIRM_RATE = Rate(5, 900)  # wrong passwords of somebody who is logged in
MOST_STRANGERS = 10_000


class WrongCode(Refused):
    """The code of somebody who is logged in already is not theirs."""

    def __init__(self) -> None:
        super().__init__(403, "wrong_code", "this code is wrong, or was used before")


class Strangers:
    """How often it was tried with addresses that are nobody's; in this process, the newest of them."""

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[int, datetime]] = {}
        self._lock = threading.Lock()

    def wait(self, email: str, *, at: datetime) -> timedelta:
        """Count a failure and return how long to wait, as `ticketing.credentials` does it for people."""
        who = hashlib.sha256(email.strip().casefold().encode("utf-8", "replace")).digest()
        with self._lock:
            failures, until = self._seen.pop(who, (0, at))
            if at >= until:
                failures, until = failures + 1, at + wait_after(failures + 1)
            if len(self._seen) >= MOST_STRANGERS:
                del self._seen[next(iter(self._seen))]
            self._seen[who] = (failures, until)
        return until - at


def connect_logins(app: Flask) -> None:
    """Attach what this process remembers of strangers."""
    app.extensions["comptoir.strangers"] = Strangers()


def log_in(email: str, password: str, code: str | None) -> Opened:
    """Begin a login and set its cookies. Raises Refused."""
    rate = _settings().login_rate_limit
    spot = f"login:{calling_address()}"
    if rate is not None and (standing := limits().hit(spot, rate, exactly=True)).is_over:
        raise over_limit(standing)
    opened = _attempt(email, password, code)
    if rate is not None:
        limits().give_back(spot, rate)  # colleagues behind one address do not use up each other's attempts
    set_cookies(opened)
    return opened


def _attempt(email: str, password: str, code: str | None) -> Opened:
    candidate = logins.candidate_for(email)
    kept = candidate.password_hash if candidate else None
    is_right = hashing.is_right(password, kept)
    rehashed = hashing.hashed(password) if is_right and kept and is_dated(kept) else None
    device = _device_of(candidate.agent_id) if candidate else None
    is_known = device is not None and not limits().hit(device, DEVICE_RATE, exactly=True).is_over
    now = utc_now()
    with transaction("api"):
        if candidate is None or kept is None:
            logins.note_unknown("unknown_address" if candidate is None else "no_password", at=now)
            found: Opened | Refusal = Refusal()
        else:
            found = logins.log_in(
                candidate,
                Attempt(is_right, code, is_known, rehashed),
                user_agent=request.user_agent.string,
                secret_key=_settings().secret_key,
                at=now,
            )
    if isinstance(found, Refusal):
        raise _refused(found, email, has_password=kept is not None, is_known=is_known, at=now)
    if is_known and device is not None:
        limits().give_back(device, DEVICE_RATE)
    return found


def _refused(found: Refusal, email: str, *, has_password: bool, is_known: bool, at: datetime) -> Refused:
    if found.code_needed:
        return Refused(401, "code_needed", "the password is right; send the `code` of your authenticator with it")
    wait = found.wait if has_password else _strangers().wait(email, at=at)
    seconds = None if wait is None or is_known else max(1, round(wait.total_seconds()))
    detail = "the address, the password or the code is wrong, or it was tried too often; wait before you try again"
    return Refused(401, "login_failed", detail, retry_after=seconds)


def confirm_password(password: str) -> None:
    """Raise unless the caller knows their password: before what a thief of their login must not do."""
    agent_id = caller().agent_id
    credential = find_credential(agent_id)
    if credential is None or credential.password_hash is None:
        raise Conflict("you have no password; ask an admin for an invitation to choose one")
    spot = _confirming()
    standing = limits().hit(spot, CONFIRM_RATE, exactly=True)
    if standing.is_over:
        raise over_limit(standing)
    if hashing.is_right(password, credential.password_hash):
        limits().give_back(spot, CONFIRM_RATE)
        return
    with transaction("api"):
        audit.record("password_refused", subject="agent", subject_id=agent_id, by=Actor.agent(agent_id), at=utc_now())
    raise Refused(403, "wrong_password", "this is not your password")


@contextmanager
def counting_wrong_codes() -> Iterator[None]:
    """Count a code that the block refuses like a wrong password: `confirm_password` then refuses to go on."""
    try:
        yield
    except WrongCode:
        limits().hit(_confirming(), CONFIRM_RATE, exactly=True)
        raise


def _confirming() -> str:
    return f"confirm:{caller().agent_id}"


def set_cookies(opened: Opened) -> None:
    """Let the answer carry the login's cookie, and one that says that this browser is known."""
    known = _device_of(opened.row.agent_id)
    nonce = known.rpartition(":")[2] if known else secrets.token_urlsafe(16)
    device = _devices().dumps([opened.row.agent_id, nonce])

    @after_this_request
    def set_both(response: Response) -> Response:
        response.set_cookie(COOKIE, opened.cookie, max_age=LIFETIME, **_kind("/"))
        response.set_cookie(DEVICE_COOKIE, device, max_age=DEVICE_LASTS, **_kind("/api/v1/session"))
        return response


def drop_cookie() -> None:
    """Let the answer take the login's cookie away."""

    @after_this_request
    def drop(response: Response) -> Response:
        response.delete_cookie(COOKIE, **_kind("/"))
        return response


def _kind(path: str) -> dict[str, Any]:
    # Lax, not Strict: who comes back from the identity provider comes from another site.
    is_https = _settings().public_url.startswith("https:")
    return {"path": path, "httponly": True, "samesite": "Lax", "secure": is_https}


def _device_of(agent_id: int) -> str | None:
    """Return the name under which the failures of this device are counted; None: this agent never came from it."""
    try:
        known, nonce = _devices().loads(
            request.cookies.get(DEVICE_COOKIE, ""), max_age=int(DEVICE_LASTS.total_seconds())
        )
    except (BadSignature, ValueError, TypeError):
        return None
    return f"device:{nonce}" if known == agent_id else None


def _devices() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(derived_key(_settings().secret_key, "known devices"))


def _strangers() -> Strangers:
    found: Strangers = current_app.extensions["comptoir.strangers"]
    return found


def _settings() -> Settings:
    found: Settings = current_app.extensions["comptoir.settings"]
    return found
