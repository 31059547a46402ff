"""Every error in one shape, `application/problem+json` (RFC 9457), and which class of error has which status."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, current_app
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from api.requests import request_id
from channels.errors import (
    ChannelError,
    ChannelNotSetUp,
    InvalidSignature,
    MalformedPayload,
    PermanentFailure,
    TransientFailure,
    UnsupportedPayload,
)
from ticketing.errors import (
    Conflict,
    FileTooLarge,
    InvalidInput,
    NotAllowed,
    NotFound,
    StaleVersion,
    StoreNotReady,
    TicketingError,
)

log = structlog.get_logger()

PROBLEM = "application/problem+json"
TYPE = "urn:comptoir:problem:"  # and the code: a name, not an address, since Comptoir runs in many places


class NotAuthenticated(Exception):
    """Nobody has said who they are, or what they said is not true."""

    code = "not_authenticated"


class Refused(Exception):
    """What the edge refuses before the core hears of it, with a status, a code and perhaps a wait of its own."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.code = code
        self.retry_after = retry_after  # seconds; None: waiting does not help


@dataclass(frozen=True)
class PartProblem:
    """Why one of several things could not be done."""

    code: str
    detail: str


STATUSES: dict[type[Exception], HTTPStatus] = {  # the nearest class counts
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAllowed: HTTPStatus.FORBIDDEN,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    FileTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Conflict: HTTPStatus.CONFLICT,  # also InvalidTransition, AlreadyAssigned, NoReachableChannel
    StaleVersion: HTTPStatus.PRECONDITION_FAILED,
    StoreNotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    TicketingError: HTTPStatus.CONFLICT,
    InvalidSignature: HTTPStatus.FORBIDDEN,
    MalformedPayload: HTTPStatus.BAD_REQUEST,
    UnsupportedPayload: HTTPStatus.UNPROCESSABLE_ENTITY,
    TransientFailure: HTTPStatus.SERVICE_UNAVAILABLE,
    ChannelNotSetUp: HTTPStatus.NOT_FOUND,
    PermanentFailure: HTTPStatus.BAD_GATEWAY,
    ChannelError: HTTPStatus.BAD_GATEWAY,
}

# What the framework refuses: a code, and a sentence where the framework's own says too little.
REFUSALS: dict[int, tuple[str, str | None]] = {
    400: ("malformed_request", None),
    404: ("not_found", "There is nothing at this address; see /docs for what there is."),
    405: (
        "method_not_allowed",
        "This address does not take that method; see the Allow header for those that it takes.",
    ),
    408: ("request_timeout", None),
    413: ("too_large", "The request is larger than this server takes."),
    415: ("unsupported_media_type", "The body must be JSON, with `Content-Type: application/json`."),
    422: ("invalid_input", None),
    429: ("rate_limited", None),
    500: ("internal_error", "Something went wrong on our side; it is logged under this request_id."),
}
KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


def connect_errors(app: Flask) -> None:
    """Answer every error of this application with a problem."""
    for ours in (TicketingError, ChannelError, NotAuthenticated):
        app.register_error_handler(ours, _known)
    app.register_error_handler(Refused, answered)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(StaleDataError, _changed_meanwhile)
    for away in (OperationalError, NoConnectionFree):
        app.register_error_handler(away, _store_away)
    app.register_error_handler(Exception, _unforeseen)


def problem(status: int, code: str, detail: str, errors: Mapping[str, Any] | None = None) -> Response:
    """Return the one shape of all errors. `errors` tells by field what is wrong, where fields are to blame."""
    body = {
        "type": TYPE + code,
        "title": code.replace("_", " ").capitalize(),
        "status": int(status),
        "code": code,
        "detail": detail,
        **({"errors": errors} if errors else {}),
        "request_id": request_id(),
    }
    return Response(current_app.json.dumps(body), status=status, content_type=PROBLEM)


def as_sentence(text: str) -> str:
    """Return an error's words as a sentence for people."""
    text = text.strip()
    text = text[:1].upper() + text[1:] if text[:1].islower() and ":" not in text.split(" ", 1)[0] else text
    return text if text.endswith((".", "!", "?", ")", "…")) else text + "."


def problem_of(error: TicketingError) -> PartProblem:
    """Return what to say of one of several things that could not be done."""
    return PartProblem(error.code, as_sentence(str(error)))


def status_of(error: Exception) -> HTTPStatus:
    """Return the status for an error of ours."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def _known(error: TicketingError | ChannelError | NotAuthenticated) -> Response:
    return _with_challenge(problem(status_of(error), error.code, as_sentence(str(error))))


def answered(error: Refused) -> Response:
    """Return the answer to what the edge refuses."""
    answer = _with_challenge(problem(error.status, error.code, as_sentence(str(error))))
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _with_challenge(answer: Response) -> Response:
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="comptoir"'
    return answer


def _refused(error: HTTPException) -> Response | HTTPException:
    """Tell of what werkzeug, Flask and webargs refuse; webargs leaves its messages in `data`."""
    status = error.code or 500
    if status < 400 and error.response is None:
        return error  # a redirect to the address's canonical form
    code, sentence = REFUSALS.get(status, (_code(error.name), None))
    messages = getattr(error, "data", {}).get("messages")
    errors = dict(_by_field(messages)) if messages else None
    detail = _told(errors) if errors else sentence or error.description or error.name
    answer = problem(status, code, as_sentence(detail), errors)
    answer.headers.extend((name, value) for name, value in error.get_headers() if name in KEPT_HEADERS)
    return answer


def _changed_meanwhile(_error: StaleDataError) -> Response:
    return problem(409, "conflict", "Somebody changed this at the same moment; read it again and retry.")


def _store_away(error: Exception) -> Response:
    log.error("store unreachable", error=type(error).__name__)
    answer = problem(503, "store_not_ready", "The store cannot be reached at the moment; try again soon.")
    answer.headers["Retry-After"] = "5"
    return answer


def _unforeseen(error: Exception) -> Response:
    log.error("request failed unforeseen", exc_info=error)
    code, sentence = REFUSALS[500]
    return problem(500, code, sentence or "")


def _by_field(messages: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Flatten what webargs says: `{"json": {"customer": {"email": […]}}}` is about `customer.email`."""
    for location, found in messages.items():
        for path, sentences in _leaves(found):
            yield path or ("body" if location == "json" else location), sentences


def _leaves(messages: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from _leaves(inner, path if name == "_schema" else f"{path}.{name}".lstrip("."))
    else:
        yield path, [str(one) for one in messages]


def _told(errors: Mapping[str, list[str]]) -> str:
    field, sentences = next(iter(errors.items()))
    more = f" (and {len(errors) - 1} more, see errors)" if len(errors) > 1 else ""
    return f"{field}: {sentences[0]}{more}"


def _code(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")
