"""All resources, and the OpenAPI document, which follows from the code alone, not from settings."""

from typing import Any

import flask_smorest  # type: ignore[import-untyped]
import orjson
from flask import Flask

import config
from api.auth import COOKIE
from api.blueprint import problem_name
from api.errors import PROBLEM
from api.parsing import connect_parsing
from api.resources import (
    account,
    agents,
    alerts,
    assignment,
    attachments,
    audit,
    board,
    bulk,
    calendar_imports,
    calendars,
    callbacks,
    calls,
    canned_replies,
    chats,
    customers,
    devices,
    drafts,
    events,
    explanation,
    fields,
    histories,
    holidays,
    inboxes,
    invitations,
    line,
    links,
    macros,
    mailboxes,
    mentions,
    merge,
    messages,
    next,  # noqa: A004 - the contract's word
    notes,
    onlookers,
    participants,
    policies,
    presence,
    promises,
    queues,
    rearmings,
    recordings,
    replays,
    replies,
    reports,
    resolution,
    same_persons,
    search,
    session,
    sla,
    snooze,
    split,
    spreadsheets,
    staffing,
    stream,
    tags,
    templates,
    tickets,
    tokens,
    views,
)
from api.schemas.problems import ProblemSchema

PREFIX = "/api/v1"
RESOURCES = (
    *(tickets, messages, attachments, replies, notes, drafts, mentions, assignment, resolution, events),
    *(sla, explanation),
    *(calls, callbacks, chats),
    *(recordings,),
    *(canned_replies, macros, templates),
    *(merge, split, links, participants, snooze, bulk, tags),
    *(calendars, calendar_imports, holidays),
    *(policies, rearmings, promises, replays),
    *(queues, board, line, next, inboxes, mailboxes, onlookers, agents, presence, devices, tokens),
    *(
        search,
        views,
    ),
    *(customers, same_persons, histories, fields, spreadsheets),
    *(reports, staffing),
    *(session, account, invitations, audit, alerts),
    *(stream,),
)
PROBLEMS = {  # status -> when
    400: "The body is no valid JSON",
    401: "No token, or one that is unknown, expired or revoked",
    403: "The token's scopes or the agent's role do not permit this",
    404: "There is no such thing, or it is not yours to see",
    409: "The thing is not in a state that permits this; `code` and `detail` say why",
    412: "The ticket has changed since you read it",
    413: "The body is too large",
    415: "The body's type is not JSON",
    416: "The range lies behind the end of the file",
    422: "A value makes no sense, or a field is unknown",
    429: "Too many requests; `Retry-After` says how long to wait",
    500: "Something went wrong on our side",
    503: "The store cannot be reached at the moment",
}
ABOUT = """The desk's API. Say who you are with `Authorization: Bearer …`. Times are RFC 3339 in UTC, spans are whole
seconds. Lists are `{"items": […], "next": cursor}`: ask for the page behind with `?after=cursor`. Every error is
`application/problem+json`; its `code` is stable, its `detail` is for people. A ticket that is not yours
to see is 404."""


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest is not typed
    """flask-smorest with our problems for its errors."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """Leave errors to api.errors."""

    def _register_etag_headers(self) -> None:
        """Leave ETags to api.versions."""

    def _register_pagination_header(self) -> None:
        """Leave pages to api.pagination."""

    def _register_responses(self) -> None:
        for status, description in PROBLEMS.items():
            content = {PROBLEM: {"schema": ProblemSchema}}
            self.spec.components.response(problem_name(status), {"description": description, "content": content})


def connect_api(app: Flask) -> Api:
    """Register every resource, and the document at /api/v1/openapi.json."""
    app.config["OPENAPI_URL_PREFIX"] = PREFIX
    api = Api(
        app,
        spec_kwargs={
            "title": "Comptoir",
            "version": config.__version__,
            "openapi_version": "3.1.0",
            "info": {"description": ABOUT},
            "servers": [{"url": "/"}],
        },
    )
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    cookie = {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "A login; changes need X-CSRF-Token."}
    api.spec.components.security_scheme("cookie", cookie)
    for resource in RESOURCES:
        api.register_blueprint(resource.blueprint, url_prefix=PREFIX)
    return api


def document() -> bytes:
    """Return the OpenAPI document as JSON, in an order that is always the same."""
    app = Flask(__name__)
    connect_parsing(app)
    found: dict[str, Any] = connect_api(app).spec.to_dict()
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS) + b"\n"
