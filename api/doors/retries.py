"""Answer Twilio's retries as the first time: the same `I-Twilio-Idempotency-Token` gets the same words again.

That nothing is done twice is decided elsewhere, by the unique keys of raw items. Here only the answer is kept, for
TwiML that a caller hears: another one the second time would lead them elsewhere than they were led already. The token
is a header, which the signature does not cover; so the signature is looked at first, and the request must be the same.
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
"""

import hashlib
from collections.abc import Callable

import structlog
from flask import Blueprint, Response, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from channels import twilio_webhook
from channels.protocol import RawItem
from config.settings import Settings
from ticketing import kept_answers
from ticketing.models import KeptAnswer
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

HEADER = "i-twilio-idempotency-token"
HOLDER = "twilio"
MAX_TOKEN = 100
XML = "text/xml"
# Asked again and again while somebody waits, and answered from how things stand; or answered with nothing at all.
ALWAYS_ANEW = ("/sms", "/voice/wait", "status", "/voice/recording", "/voice/conference", "/voice/transcript")


def answer_retries_alike(blueprint: Blueprint, item_of_request: Callable[[], RawItem]) -> None:
    """Do so for all doors of a blueprint; `item_of_request` returns the request as it came in."""

    def look_up() -> Response | None:
        g.pop("twilio_retry", None)
        token = request.headers.get(HEADER, "")
        path = request.path
        if not token or len(token) > MAX_TOKEN or request.method != "POST" or path.endswith(ALWAYS_ANEW):
            return None
        settings: Settings = current_app.extensions["comptoir.settings"]
        if settings.twilio is None:
            return None
        item = item_of_request()
        twilio_webhook.verify(item, settings, settings.twilio.auth_token)
        digest = hashlib.sha256(f"{item.url}\n".encode("utf-8", "replace") + item.body).hexdigest()
        found = _kept(token)
        if found is None:
            g.twilio_retry = (token, digest)
            return None
        body = kept_answers.body_of(found, settings.secret_key)
        if found.digest != digest or body is None:
            return None  # another request under the same token: it is answered for itself
        return Response(body, mimetype=XML)

    def keep(response: Response) -> Response:
        claimed: tuple[str, str] | None = g.pop("twilio_retry", None)
        if claimed is None or response.status_code != 200 or response.mimetype != XML:
            return response
        settings: Settings = current_app.extensions["comptoir.settings"]
        token, digest = claimed
        try:
            with transaction("twilio") as session:
                kept_answers.keep_at_once(
                    session,
                    holder=HOLDER,
                    key=token,
                    digest=digest,
                    status=200,
                    body=response.get_data(),
                    secret_key=settings.secret_key,
                    at=utc_now(),
                )
        except kept_answers.Claimed:
            pass  # the retry came while we were at work, and has kept its answer
        except SQLAlchemyError as error:
            log.warning("answer to Twilio not kept", error=type(error).__name__)
        return response

    blueprint.before_request(look_up)
    blueprint.after_request(keep)


def _kept(token: str) -> KeptAnswer | None:
    """Return the answer kept under a token; none while the store is away: the door itself knows what to say then."""
    try:
        return kept_answers.kept_answer(HOLDER, token)
    except SQLAlchemyError as error:
        log.warning("answer to Twilio not looked up", error=type(error).__name__)
        db.session().rollback()
        return None
