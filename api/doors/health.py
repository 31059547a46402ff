"""Whether this process is up, and whether it can do its work: for load balancers and supervisors.

What is wrong with somebody's mailbox is told, and does not make the web server unready: it would be so on every host.
"""

from collections.abc import Callable
from functools import cache

from flask import Blueprint, Response, jsonify
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from channels import reconciling
from channels.email.mailboxes import standing
from ticketing import jobs, schema
from ticketing.moment import utc_now

blueprint = Blueprint("health", __name__)

OK = "ok"
UNKNOWN = "unknown"


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the process is up."""
    return jsonify(status=OK)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Say whether all that is needed is there; 503 names what is not. "degraded" is ready, with something to mend."""
    needed = {name: check() for name, check in NEEDED.items()}
    ready = all(found == OK for found in needed.values())
    told = {name: check() for name, check in TOLD.items()} if needed["database"] == OK else dict.fromkeys(TOLD, UNKNOWN)
    well = all(found == OK for found in told.values())
    status = "unavailable" if not ready else OK if well else "degraded"
    return jsonify(status=status, checks=needed | told), 200 if ready else 503


def _database() -> str:
    try:
        current = schema.current()
    except SQLAlchemyError as error:
        return f"unreachable ({type(error).__name__})"
    return OK if current == _head() else "lacks migrations: run `comptoir init`"


def _redis() -> str:
    queue = jobs.queue()
    if queue is None:  # there is none to wait for: the ticker's sweep does all the work
        return OK
    try:
        queue.connection.ping()
    except RedisError as error:
        return f"unreachable ({type(error).__name__})"
    return OK


def _mailboxes() -> str:
    """Say what is wrong with mailboxes, in numbers: whose they are is not for everybody to read."""
    try:
        found = standing.all_together(at=utc_now())
    except SQLAlchemyError as error:
        return f"unknown ({type(error).__name__})"
    troubles = [
        f"{count} {words}"
        for count, words in (
            (found.troubled, f"of {found.mailboxes} in trouble"),
            (found.unwatched, f"of {found.mailboxes} watched by nobody"),
            (found.missing, "mail not fetched" if found.missing == 1 else "mails not fetched"),
        )
        if count
    ]
    return ", ".join(troubles) or OK


def _twilio() -> str:
    """Say whether we know what Twilio had for us."""
    try:
        return reconciling.trouble(utc_now()) or OK
    except SQLAlchemyError as error:
        return f"unknown ({type(error).__name__})"


NEEDED: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis}
TOLD: dict[str, Callable[[], str]] = {"mailboxes": _mailboxes, "twilio": _twilio}


@cache
def _head() -> str:
    return schema.head()
