"""The blueprint of the API's resources: what a view needs, takes, answers and refuses, said once for the guard, the
validators and the OpenAPI document. flask-smorest is untyped; this file is where that ends.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

import flask_smorest  # type: ignore[import-untyped]
from flask import current_app
from marshmallow import Schema

from api.parsing import StrictParser
from ticketing.models import Role

View = TypeVar("View", bound=Callable[..., Any])

ALWAYS = (401, 403, 429, 500, 503)
WITH_BODY = (400, 413, 415)

TICKET_HEADERS = {
    "ETag": {"schema": {"type": "string"}, "description": "The ticket's version, for `If-Match`.", "example": '"3"'}
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "schema": {"type": "string"},
    "description": "The `ETag` of the ticket that you read; 412 if it has changed since.",
    "example": '"3"',
}
LAST_EVENT_ID = {
    "in": "header",
    "name": "Last-Event-ID",
    "schema": {"type": "string"},
    "description": "The `id` of the last event that you have: what came behind it comes first.",
    "example": "5f0c91aa-1795359600000-0",
}
OF_A_KEY = (409, 422)
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "With it the request may be sent again: it is done once, and answered alike. See docs/access.md.",
    "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
}


@dataclass(frozen=True)
class Needs:
    """What a caller needs for a view: a scope, and at least a role."""

    scope: str
    role: Role


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest is not typed
    """The views on one noun."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, *, description: str) -> None:
        super().__init__(name, __name__, description=description)
        self._prepare_doc_cbks.append(_document)

    def needs(self, scope: str, *, role: Role = Role.AGENT) -> Callable[[View], View]:
        """Declare whom the view is for; `api.auth` sees to it, and refuses a view that declares nothing."""
        return _noting(needs=Needs(scope, role))

    def takes(self, schema: type[Schema], *, required: bool = True, example: Any = None) -> Callable[[View], View]:
        """Read the JSON body by a schema, for the view's first argument. Not `required`: {} if there is none."""
        taken: Callable[[View], View] = self.arguments(schema(), required=required, example=example)
        return taken

    def asks(self, schema: type[Schema]) -> Callable[[View], View]:
        """Read the query parameters by a schema, for the view's first argument."""
        asked: Callable[[View], View] = self.arguments(schema(), location="query")
        return asked

    def answers(
        self,
        status: int,
        schema: type[Schema] | Schema | None = None,
        *,
        description: str | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> Callable[[View], View]:
        """Answer what the view returns, by a schema. A view may return `(object, headers)`."""
        if schema is None:
            return self._answers_nothing(status, description)
        answered: Callable[[View], View] = self.response(status, schema, description=description, headers=headers)
        return answered

    def takes_file(self) -> Callable[[View], View]:
        """Document a body of `multipart/form-data` with one part `file`; the view reads it (see `api.uploads`)."""
        part = {"type": "string", "format": "binary", "description": "The file, with its name."}
        schema = {"type": "object", "properties": {"file": part}, "required": ["file"], "additionalProperties": False}
        body = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
        documented: Callable[[View], View] = self.doc(requestBody=body)
        return documented

    def takes_text(self, content_type: str, description: str) -> Callable[[View], View]:
        """Document a body of text that is no JSON; the view reads it."""
        content = {content_type: {"schema": {"type": "string", "description": description}}}
        documented: Callable[[View], View] = self.doc(requestBody={"required": True, "content": content})
        return documented

    def gives_file(self, description: str, *, content_type: str = "application/octet-stream") -> Callable[[View], View]:
        """Answer with the bytes that the view's response carries."""
        content = {content_type: {"schema": {"type": "string", "format": "binary"}}}
        documented: Callable[[View], View] = self.doc(responses={200: {"description": description, "content": content}})
        return documented

    def refuses(self, *statuses: int) -> Callable[[View], View]:
        """Document the problems that are this view's own; those that all have need no mention."""
        return _noting(refuses=statuses)

    def reads_last_event_id(self) -> Callable[[View], View]:
        """Document the header with which a browser goes on where its stream was cut."""
        documented: Callable[[View], View] = self.doc(parameters=[LAST_EVENT_ID])
        return documented

    def also(self, status: int, description: str) -> Callable[[View], View]:
        """Document another success, without content."""
        documented: Callable[[View], View] = self.alt_response(status, description=description)
        return documented

    def reads_if_match(self) -> Callable[[View], View]:
        """Document the header by which a change can be made conditional (see `api.versions`)."""
        documented: Callable[[View], View] = self.doc(parameters=[IF_MATCH])
        return documented

    def _answers_nothing(self, status: int, description: str | None) -> Callable[[View], View]:
        documented: Callable[[View], View] = self.alt_response(status, description=description)

        def decorate(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                view(*args, **kwargs)
                return current_app.response_class(status=status)

            return documented(wrapper)  # type: ignore[return-value]  # wraps keeps the signature

        return decorate


def needs_of(view: Any) -> Needs | None:
    """Return what a view has declared; None if nothing."""
    found: Needs | None = getattr(view, "_apidoc", {}).get("needs")
    return found


def _noting(**notes: Any) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        # A copy: decorators share the dict of what they wrap.
        view._apidoc = {**deepcopy(getattr(view, "_apidoc", {})), **notes}  # type: ignore[attr-defined]
        return view

    return decorate


def _document(doc: dict[str, Any], doc_info: dict[str, Any], *, method: str = "", **_: Any) -> dict[str, Any]:
    """Add to a view's documentation the problems that it can answer, and what it needs."""
    responses = {status: one for status, one in doc.get("responses", {}).items() if _is_success(status)}
    for status in sorted(_problems(doc, doc_info)):
        responses[status] = problem_name(status)
    doc["responses"] = responses
    needs: Needs | None = doc_info.get("needs")
    if needs is not None:
        doc["security"] = [{"bearer": [needs.scope]}, {"cookie": []}]
        doc["x-role"] = needs.role.value
        if method.upper() == "POST":
            doc["parameters"] = [*doc.get("parameters", ()), IDEMPOTENCY_KEY]
            doc["responses"] |= {status: problem_name(status) for status in OF_A_KEY}
    return doc


def _problems(doc: Mapping[str, Any], doc_info: Mapping[str, Any]) -> set[int]:
    found: Iterable[int] = (*ALWAYS, *doc_info.get("refuses", ()))
    if "requestBody" in doc:
        found = (*found, *WITH_BODY)
    return {*found, 422} if "arguments" in doc_info else set(found)


def _is_success(status: int | str) -> bool:
    return str(status).startswith("2")


def problem_name(status: int) -> str:
    """Return the name under which the OpenAPI document keeps a problem's description."""
    # Not HTTPStatus(…).name, which differs between versions of Python.
    return f"Problem{HTTPStatus(status).value}"
