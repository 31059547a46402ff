"""Whether this process is up, and whether it can do its work: for load balancers and supervisors."""

from collections.abc import Callable
from functools import cache

from flask import Blueprint, Response, jsonify
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from ticketing import jobs, schema

blueprint = Blueprint("health", __name__)

OK = "ok"


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the process is up."""
    return jsonify(status=OK)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Say whether all that is needed is there; 503 names what is not."""
    checks = {name: check() for name, check in CHECKS.items()}
    ready = all(found == OK for found in checks.values())
    return jsonify(status=OK if ready else "unavailable", checks=checks), 200 if ready else 503


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


CHECKS: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis}


@cache
def _head() -> str:
    return schema.head()
