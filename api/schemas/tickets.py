"""Tickets as JSON."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf, Range, Regexp

from api.pagination import PageQuery
from api.requests import read_at
from api.schemas.asked import Asked, Id, Instant, Line, Text, Words
from api.schemas.custom_fields import CustomFields
from api.schemas.named import NamedSchema
from api.schemas.people import Skills
from api.schemas.references import QueueName
from api.serialisation import Answer, DerivedEnum, DerivedMoment, Moment
from ticketing.customers import MAX_NAME
from ticketing.envelope import Channel
from ticketing.filters import SLAState, sla_state
from ticketing.handles import MAX_LENGTH
from ticketing.lifecycle import MAX_SUBJECT, MAX_TAG, MAX_TAGS
from ticketing.models import Ticket
from ticketing.queries import Sort
from ticketing.reply_plan import MAX_BODY
from ticketing.snoozing import is_away
from ticketing.status import Priority, Status

FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(9000, 1, 1, tzinfo=UTC)
NAME_OR_ID = {"anyOf": [{"type": "string"}, {"type": "integer"}], "example": "Support"}


def sla_now(ticket: Ticket) -> SLAState:
    """Return how the ticket stands at the moment at which this request reads."""
    return sla_state(ticket, read_at())


def snoozed_now(ticket: Ticket) -> datetime | None:
    """Return until when the ticket is put away, if it still is at the moment at which this request reads."""
    return ticket.snoozed_until if is_away(ticket, read_at()) else None


class Tags(fields.List[str]):
    """Tags; they are folded to lower case, in order, each once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Words(MAX_TAG), validate=Length(max=MAX_TAGS), **kwargs)


class TicketSchema(Answer):
    """One matter of one customer."""

    id = fields.Integer(required=True, metadata={"example": 17})
    subject = fields.String(required=True, metadata={"example": "The kettle leaks"})
    status = fields.Enum(Status, by_value=True, required=True)
    priority = fields.Enum(Priority, by_value=True, required=True)
    channel = fields.Enum(
        Channel, by_value=True, required=True, metadata={"description": "The one on which it was opened."}
    )
    queue = fields.Nested(NamedSchema, required=True)
    assignee = fields.Nested(NamedSchema, required=True, allow_none=True)
    customer = fields.Nested(NamedSchema, required=True)
    tags = fields.List(fields.String(), required=True)
    skills = fields.List(
        fields.String(), required=True, metadata={"description": "What an agent needs to be handed it."}
    )
    custom = fields.Dict(
        keys=fields.String(),
        attribute="fields",
        data_key="fields",
        required=True,
        metadata={"description": "Custom fields by name."},
    )
    created_at = Moment(required=True)
    updated_at = Moment(required=True)
    waiting_since = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "The oldest message of the customer that nobody has answered."},
    )
    due_at = Moment(
        required=True, allow_none=True, metadata={"description": "The earliest deadline that is not met yet."}
    )
    sla = DerivedEnum(
        SLAState,
        of=sla_now,
        by_value=True,
        required=True,
        metadata={"description": "The true state at this moment, over all clocks."},
    )
    snoozed_until = DerivedMoment(
        of=snoozed_now, required=True, allow_none=True, metadata={"description": "None once the moment has come."}
    )
    solved_at = Moment(required=True, allow_none=True)
    closed_at = Moment(required=True, allow_none=True)
    merged_into = fields.Integer(
        attribute="merged_into_id", required=True, allow_none=True, metadata={"description": "Where its messages are."}
    )
    follows = fields.Integer(
        attribute="follows_id",
        required=True,
        allow_none=True,
        metadata={"description": "The closed ticket that it continues."},
    )
    suggested = fields.Integer(
        attribute="suggested_id",
        required=True,
        allow_none=True,
        metadata={"description": "The ticket to which it may belong: named in the mail, but not proven."},
    )
    version = fields.Integer(required=True, metadata={"description": "Goes up with every change; also the `ETag`."})


class TicketPageSchema(Answer):
    """A page of tickets."""

    items = fields.Nested(TicketSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class TicketCustomerSchema(Asked):
    """Whose ticket it is: a known customer's id, or what is known of the person."""

    id = Id(metadata={"example": 4})
    name = Text(MAX_NAME, metadata={"example": "Karim"})
    email = Text(MAX_LENGTH, metadata={"example": "karim@home.example"})
    phone = Text(MAX_LENGTH, metadata={"example": "+15145550123", "description": "With its country code."})

    @validates_schema
    def check_one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse an id beside a description, and neither."""
        described = data.keys() - {"id"}
        if "id" in data and described:
            raise ValidationError("Give either a customer's id, or a name, an email address or a phone number.")
        if not any(str(value).strip() for value in data.values()):
            raise ValidationError("A customer needs an id, or a name, an email address or a phone number.")


class NewTicketSchema(Asked):
    """A ticket to open, with the customer's first message."""

    subject = Line(MAX_SUBJECT, required=True, metadata={"example": "The kettle leaks"})
    body = Words(MAX_BODY, required=True, metadata={"example": "It drips on the floor."})
    customer = fields.Nested(TicketCustomerSchema, required=True)
    queue = QueueName(
        metadata={**NAME_OR_ID, "description": "A queue's name or id; without it, the desk's first queue."}
    )
    priority = fields.Enum(Priority, by_value=True, load_default=Priority.NORMAL)
    channel = fields.Enum(
        Channel,
        by_value=True,
        load_default=Channel.API,
        metadata={"description": "How the customer told us, if another program took it down."},
    )
    tags = Tags(load_default=list)
    skills = Skills(load_default=list, metadata={"description": "What an agent needs to be handed it."})
    custom = CustomFields(attribute="fields", data_key="fields", load_default=dict)


class TicketChangeSchema(Asked):
    """What to change; what is not named stays. All or nothing."""

    subject = Line(MAX_SUBJECT)
    priority = fields.Enum(Priority, by_value=True)
    queue = QueueName(metadata={**NAME_OR_ID, "description": "A queue's name or id."})
    status = fields.Enum(Status, by_value=True, metadata={"description": "409 where the ticket cannot go there."})
    tags = Tags(metadata={"description": "Replaces all tags."})
    skills = Skills(metadata={"description": "Replaces all skills."})
    custom = CustomFields(
        attribute="fields", data_key="fields", metadata={"description": "Sets the named fields; null removes one."}
    )


class Since(Instant):
    """A moment of a time that a desk can have lived in; RFC 3339."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=Range(FIRST_MOMENT, LAST_MOMENT), **kwargs)


class TicketFilter(Asked):
    """Which tickets."""

    queue = Text(100, metadata={"description": "A queue's name or id."})
    status = fields.List(
        fields.String(validate=OneOf([*(status.value for status in Status), "active"])),
        load_default=list,
        metadata={"description": "May be repeated. `active` stands for all but `solved` and `closed`."},
    )
    assignee = fields.String(
        validate=Regexp(r"^(me|none|[1-9][0-9]{0,17})(?![\s\S])", error="Must be me, none or an agent's id."),
        metadata={"description": "`me`, `none` or an agent's id."},
    )
    channel = fields.Enum(Channel, by_value=True)
    priority = fields.Enum(Priority, by_value=True)
    tag = Text(MAX_TAG)
    customer = Id(strict=False, metadata={"description": "A customer's id."})
    sla = fields.Enum(SLAState, by_value=True)
    waiting = fields.Boolean(
        truthy={"true", True},
        falsy={"false", False},
        metadata={"description": "Whether the customer waits for an answer."},
    )
    snoozed = fields.Boolean(
        truthy={"true", True},
        falsy={"false", False},
        metadata={"description": "Whether it is put away until a moment to come."},
    )
    created_after = Since(metadata={"description": "Opened at or after this moment."})
    created_before = Since(metadata={"description": "Opened before this moment."})
    updated_after = Since(metadata={"description": "Changed at or after this moment."})


class TicketQuery(PageQuery, TicketFilter):
    """Which tickets, in which order."""

    sort = fields.Enum(
        Sort,
        by_value=True,
        load_default=Sort.DUE,
        metadata={
            "description": "`due`: the earliest deadline first, none last; `waiting`: who waits longest first; "
            "`created`, `-created`: oldest, newest first; `updated`: the latest change first."
        },
    )
