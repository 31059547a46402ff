"""Custom fields as the desk has defined them: what a ticket's or a customer's may hold.

While nothing is defined for a subject, its fields are free. What channels bring in is never judged by this.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ticketing import audit
from ticketing.errors import Conflict, FieldsMissing, InvalidInput, NotFound
from ticketing.events import Actor
from ticketing.models import FieldDefinition, FieldKind, FieldSubject, Ticket
from ticketing.store import db

MAX_DEFINITIONS = 100  # in force, of one subject
MAX_TEXT = 2000


def checked(subject: FieldSubject, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they are kept; None, which removes a field, is always fine. Raises InvalidInput."""
    named = {name: value for name, value in values.items() if value is not None}
    if not named:
        return dict(values)
    defined = {one.name: one for one in definitions(subject)}
    if not defined:
        return dict(values)
    unknown = [name for name in named if name not in defined]
    if unknown:
        raise InvalidInput(f"a {subject} has no field {unknown[0][:60]!r}; it has {', '.join(defined)}")
    return {**values, **{name: _value(defined[name], value) for name, value in named.items()}}


def must_be_complete(subject: FieldSubject, values: Mapping[str, Any]) -> None:
    """Raise InvalidInput where a required field has no value."""
    missing = _missing(subject, values)
    if missing:
        raise InvalidInput(f"a {subject} needs the custom field {', '.join(missing)}")


def must_be_solvable(ticket: Ticket) -> None:
    """Raise FieldsMissing where the ticket lacks a field that it needs to be solved."""
    missing = _missing(FieldSubject.TICKET, ticket.fields)
    if missing:
        raise FieldsMissing(f"ticket {ticket.id} needs the custom field {', '.join(missing)} before it can be solved")


def _missing(subject: FieldSubject, values: Mapping[str, Any]) -> list[str]:
    query = select(FieldDefinition.name).where(
        FieldDefinition.subject == subject, FieldDefinition.required, FieldDefinition.archived_at.is_(None)
    )
    names = db.session().scalars(query.order_by(FieldDefinition.position, FieldDefinition.id))
    return [name for name in names if values.get(name) in (None, "", [])]


def definitions(subject: FieldSubject | None, *, after: int = 0, limit: int | None = None) -> Sequence[FieldDefinition]:
    """Return the definitions in force; without a limit in the order of their position, else by id, one more."""
    query = select(FieldDefinition).where(FieldDefinition.archived_at.is_(None))
    if subject is not None:
        query = query.where(FieldDefinition.subject == subject)
    if limit is None:
        query = query.order_by(FieldDefinition.position, FieldDefinition.id)
    else:
        query = query.where(FieldDefinition.id > after).order_by(FieldDefinition.id).limit(limit + 1)
    return db.session().scalars(query).all()


def define(wanted: Mapping[str, Any], *, by: Actor, at: datetime) -> FieldDefinition:
    """Add a field; one that was archived under this name is defined anew. Raises InvalidInput, Conflict."""
    session, subject, name = db.session(), wanted["subject"], wanted["name"]
    if len(definitions(subject)) >= MAX_DEFINITIONS:
        raise Conflict(f"a {subject} has at most {MAX_DEFINITIONS} custom fields; archive one")
    query = select(FieldDefinition).where(FieldDefinition.subject == subject, FieldDefinition.name == name)
    row = session.scalar(query.with_for_update())
    if row is not None and row.archived_at is None:
        raise Conflict(_taken(subject, name))
    row = row or FieldDefinition(created_at=at)
    for attribute, value in {**wanted, "archived_at": None}.items():
        setattr(row, attribute, value)
    _must_fit(row)
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        raise Conflict(_taken(subject, name)) from None
    audit.record("field_made", subject="field", subject_id=row.id, by=by, at=at, data={"name": name})
    return row


def change(field_id: int, wanted: Mapping[str, Any], *, by: Actor, at: datetime) -> FieldDefinition:
    """Change a field's label, choices, position, or whether it is required. Raises NotFound, InvalidInput.

    Values that tickets and customers have already stay as they are.
    """
    row = find_definition(field_id)
    for attribute, value in wanted.items():
        setattr(row, attribute, value)
    _must_fit(row)
    db.session().flush()
    audit.record("field_changed", subject="field", subject_id=row.id, by=by, at=at, data=dict(wanted))
    return row


def archive(field_id: int, *, by: Actor, at: datetime) -> None:
    """Take a field out of use; what is in it stays. Raises NotFound."""
    row = find_definition(field_id)
    row.archived_at = at
    audit.record("field_archived", subject="field", subject_id=row.id, by=by, at=at, data={"name": row.name})


def find_definition(field_id: int) -> FieldDefinition:
    """Return a definition in force, locked. Raises NotFound."""
    query = select(FieldDefinition).where(FieldDefinition.id == field_id, FieldDefinition.archived_at.is_(None))
    row = db.session().scalar(query.with_for_update())
    if row is None:
        raise NotFound(f"there is no custom field {field_id}")
    return row


def _must_fit(row: FieldDefinition) -> None:
    row.choices = list(dict.fromkeys(row.choices))
    if bool(row.choices) != (row.kind in {FieldKind.CHOICE, FieldKind.CHOICES}):
        raise InvalidInput("fields of the kinds choice and choices need choices, and only these have any")


def _taken(subject: FieldSubject, name: str) -> str:
    return f"a {subject} has a field {name!r} already; change that one"


def _value(field: FieldDefinition, value: Any) -> Any:
    good, what = RULES[field.kind]
    if not good(field, value):
        raise InvalidInput(f"the custom field {field.name} takes {what.format(choices=', '.join(field.choices))}")
    return list(dict.fromkeys(value)) if field.kind is FieldKind.CHOICES else value


def _is_text(_field: FieldDefinition, value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _is_number(_field: FieldDefinition, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_flag(_field: FieldDefinition, value: Any) -> bool:
    return isinstance(value, bool)


def _is_date(_field: FieldDefinition, value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_choice(field: FieldDefinition, value: Any) -> bool:
    return isinstance(value, str) and value in field.choices


def _are_choices(field: FieldDefinition, value: Any) -> bool:
    return isinstance(value, list) and all(_is_choice(field, one) for one in value)


RULES: dict[FieldKind, tuple[Callable[[FieldDefinition, Any], bool], str]] = {  # kind -> test, in words
    FieldKind.TEXT: (_is_text, f"text of at most {MAX_TEXT} characters"),
    FieldKind.NUMBER: (_is_number, "a number"),
    FieldKind.FLAG: (_is_flag, "true or false"),
    FieldKind.DATE: (_is_date, "a date as YYYY-MM-DD"),
    FieldKind.CHOICE: (_is_choice, "one of: {choices}"),
    FieldKind.CHOICES: (_are_choices, "a list of any of: {choices}"),
}
