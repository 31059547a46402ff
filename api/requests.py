"""What belongs to one HTTP request: its id, its line in the log, the one moment at which its answer reads."""

import re
import time
import uuid
from contextvars import ContextVar
from datetime import datetime

import structlog
from flask import Flask, Response, g, request

from ticketing.audit import asking_address
from ticketing.moment import utc_now

log = structlog.get_logger()

HEADER = "X-Request-ID"
SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_read_at: ContextVar[datetime | None] = ContextVar("read_at", default=None)  # rows ask for it: faster than `g`
SILENT = frozenset({"/healthz", "/readyz"})  # asked every few seconds; only trouble is worth a line


def connect_requests(app: Flask) -> None:
    """Give every request an id and a line in the log."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def request_id() -> str:
    """Return this request's id: the caller's own, if it is a sane token."""
    found: str = g.request_id
    return found


def read_at() -> datetime:
    """Return the moment at which this request reads: asked once, so that all parts of an answer agree."""
    found = _read_at.get()
    if found is None:
        found = utc_now()
        _read_at.set(found)
    return found


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if SANE.fullmatch(given) else uuid.uuid4().hex
    g.started = time.perf_counter()
    _read_at.set(None)
    asking_address.set(request.remote_addr or "")
    structlog.contextvars.clear_contextvars()  # a thread's last request may have ended unforeseen
    structlog.contextvars.bind_contextvars(request_id=request_id())


def _end(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if request.path not in SILENT or response.status_code >= 400:
        log.info(
            "request",
            method=request.method,
            route=request.url_rule.rule if request.url_rule else "unknown",
            status=response.status_code,
            duration_ms=round((time.perf_counter() - g.started) * 1000, 1),
        )
    return response


def _forget(_error: BaseException | None) -> None:
    asking_address.set("")
    _read_at.set(None)
    structlog.contextvars.unbind_contextvars("request_id")
