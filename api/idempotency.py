"""`Idempotency-Key`: a POST that is sent again does nothing again and gets the same answer.

After draft-ietf-httpapi-idempotency-key-header-07. A request that fails keeps nothing, so it may be repeated.
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.auth import PREFIX, caller
from api.errors import Refused, answered
from config.settings import Settings
from ticketing import kept_answers
from ticketing.kept_answers import Claimed
from ticketing.models import KeptAnswer
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import first_act, transaction

log = structlog.get_logger()

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
KEPT_HEADERS = ("Content-Type", "ETag", "Location", "Link")
LONGEST_REQUEST = timedelta(seconds=60)  # what takes longer is ended by the web server
PATIENCE = 2.0  # seconds that a second request waits for the answer of the first


@dataclass
class Claim:
    """One request's key."""

    holder: str
    key: str
    digest: str
    at: datetime
    is_written: bool = False

    def write(self, session: Session) -> None:
        """Claim the key, first of all in the transaction that does the work."""
        self.is_written = False
        kept_answers.claim(session, holder=self.holder, key=self.key, digest=self.digest, at=self.at)
        self.is_written = True

    @property
    def is_committed(self) -> bool:
        """Say whether the work is done; the transaction takes the act away once it has committed."""
        return self.is_written and first_act.get() is None


def connect_idempotency(app: Flask) -> None:
    """Look at every POST of the API that has a key; after the guard, so that a key belongs to somebody."""
    app.before_request(_begin)
    app.after_request(_keep)
    app.teardown_request(_end)
    app.register_error_handler(Claimed, _answer_of_the_other)


def _begin() -> Response | None:
    g.pop("claim", None)
    if request.method != "POST" or HEADER not in request.headers or not request.path.startswith(PREFIX):
        return None
    if request.url_rule is None or "caller" not in g:
        return None  # nobody's request: a login, the acceptance of an invitation
    claim = Claim(caller().holder, _key(request.headers[HEADER]), _digest(), utc_now())
    found = kept_answers.kept_answer(claim.holder, claim.key)
    if found is not None:
        return _again(claim, found)
    g.claim = claim
    first_act.set(claim.write)
    return None


def _key(given: str) -> str:
    """Return the key. The draft has it in quotes, as a structured field's string; many clients send it bare."""
    key = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not PRINTABLE.fullmatch(key):
        raise Refused(422, "invalid_input", f"{HEADER} has 1 to 255 printable ASCII characters")
    return key


def _digest() -> str:
    """Return what tells this request from others. A file that is uploaded is read once, by the view, so that the size
    and the digest that the header tells stand for it here.
    """
    found = hashlib.sha256(f"{request.method} {request.full_path}\n".encode())
    if request.is_json:
        found.update(request.get_data(cache=True))
    else:
        # Clients make up another boundary each time; it stands before the one part and behind it.
        size = (request.content_length or 0) - 2 * len(request.mimetype_params.get("boundary", ""))
        found.update(f"{request.mimetype}\n{size}\n{request.headers.get('Content-Digest', '')}".encode())
    return found.hexdigest()


def _answer_of_the_other(_error: Claimed) -> Response:
    """Answer a request whose key another one claimed meanwhile."""
    claim: Claim = g.pop("claim")
    first_act.set(None)
    try:
        found = kept_answers.kept_answer(claim.holder, claim.key)
        return answered(_in_progress()) if found is None else _again(claim, found)
    except Refused as error:
        return answered(error)


def _again(claim: Claim, found: KeptAnswer) -> Response:
    if found.digest != claim.digest:
        detail = "this key was used for another request; a new request needs a new key"
        raise Refused(422, "idempotency_key_reused", detail)
    found = _with_answer(claim, found)
    body = kept_answers.body_of(found, _settings().secret_key)
    if found.status is not None and body is not None:
        headers = {**found.headers, REPLAYED: "true"}
        return Response(body, found.status, headers)
    if found.status is None and utc_now() - found.at < LONGEST_REQUEST:
        raise _in_progress()
    detail = (
        "the work was done, but its answer was lost on the way; it is not done again under this key. "
        "Read what is there before you send the request with a new key"
    )
    raise Refused(409, "answer_lost", detail)


def _with_answer(claim: Claim, found: KeptAnswer) -> KeptAnswer:
    """Return the row once the answer is in it, if that does not take long."""
    patient_until = time.monotonic() + PATIENCE
    # One that is old already is not about to come.
    while found.status is None and utc_now() - found.at < LONGEST_REQUEST and time.monotonic() < patient_until:
        db.session().rollback()  # what was read would be read again
        time.sleep(0.05)
        read_again = kept_answers.kept_answer(claim.holder, claim.key)
        if read_again is None:
            raise _in_progress()  # its answer was too large to be kept
        found = read_again
    return found


def _in_progress() -> Refused:
    return Refused(409, "in_progress", "a request with this key is being worked on; ask again soon", retry_after=1)


def _keep(response: Response) -> Response:
    claim: Claim | None = g.pop("claim", None)
    if claim is None or not claim.is_committed or response.status_code >= 500:
        return response
    _within(claim, _forget if response.is_streamed else _keeper(response))
    return response


def _keeper(response: Response) -> Callable[[Claim], None]:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}

    def keep(claim: Claim) -> None:
        kept_answers.keep(
            claim.holder,
            claim.key,
            status=response.status_code,
            headers=headers,
            body=response.get_data(),
            secret_key=_settings().secret_key,
        )

    return keep


def _forget(claim: Claim) -> None:
    """Free the key of an answer that is too large to be kept (an export): it is made again."""
    kept_answers.forget(claim.holder, claim.key)


def _within(claim: Claim, what: Callable[[Claim], None]) -> None:
    try:
        with transaction("api"):
            what(claim)
    except SQLAlchemyError as error:
        # The work is committed, so its answer goes out; a repetition hears that the answer was lost.
        log.warning("answer not kept", error=type(error).__name__)


def _end(_error: BaseException | None) -> None:
    first_act.set(None)


def _settings() -> Settings:
    found: Settings = current_app.extensions["comptoir.settings"]
    return found
