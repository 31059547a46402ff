"""What is asked when tickets are merged, split, linked, put off, or changed by the dozen, and what is answered."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length

from api.schemas.asked import Asked, Flag, Id, Instant, Line
from api.schemas.custom_fields import CustomFields
from api.schemas.problems import PartProblemSchema
from api.schemas.references import AssigneeName, QueueName
from api.schemas.tickets import NAME_OR_ID, Tags, TicketSchema
from api.serialisation import Answer, Moment
from ticketing.lifecycle import MAX_SUBJECT
from ticketing.links import LinkWord
from ticketing.status import Priority, Status

MOST_AT_ONCE = 200


class MergeSchema(Asked):
    """Where the ticket goes."""

    into = Id(required=True, metadata={"description": "The ticket that survives.", "example": 17})


class SplitSchema(Asked):
    """What goes to the new ticket."""

    message = Id(required=True, metadata={"description": "A message of a customer.", "example": 42})
    following = Flag(load_default=False, metadata={"description": "Whether all that came after it goes too."})
    subject = Line(MAX_SUBJECT, metadata={"description": "Of the new ticket; without it, the same."})


class NewLinkSchema(Asked):
    """A link to another ticket."""

    kind = fields.Enum(
        LinkWord, by_value=True, required=True, metadata={"description": "What the other ticket is to this one."}
    )
    ticket = Id(required=True, metadata={"description": "The other ticket.", "example": 17})


class LinkedTicketSchema(Answer):
    """A ticket as a link to it shows it."""

    id = fields.Integer(required=True, metadata={"example": 17})
    subject = fields.String(required=True, metadata={"example": "The kettle leaks"})
    status = fields.Enum(Status, by_value=True, required=True)


class LinkSchema(Answer):
    """A link, seen from one of its two tickets."""

    id = fields.Integer(required=True)
    kind = fields.Enum(LinkWord, by_value=True, required=True)
    ticket = fields.Nested(LinkedTicketSchema, required=True, metadata={"description": "The other one."})
    created_at = Moment(required=True)


class LinkPageSchema(Answer):
    """A page of links, the oldest first."""

    items = fields.Nested(LinkSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class SnoozeSchema(Asked):
    """Until when a ticket is put away."""

    until = Instant(
        required=True,
        metadata={"description": "A moment to come, within a year.", "example": "2026-12-01T09:00:00Z"},
    )


class BulkChangeSchema(Asked):
    """What to change of each ticket; what is not named stays."""

    status = fields.Enum(Status, by_value=True)
    priority = fields.Enum(Priority, by_value=True)
    queue = QueueName(metadata={**NAME_OR_ID, "description": "A queue's name or id."})
    tags_add = Tags()
    tags_remove = Tags()
    assignee = AssigneeName(
        allow_none=True,
        metadata={
            "anyOf": [{"type": "integer"}, {"const": "me"}, {"type": "null"}],
            "description": "An agent's id or `me`; null gives the ticket back to its queue.",
        },
    )
    steal = Flag(load_default=False, metadata={"description": "Assign also what somebody else has."})
    snoozed_until = Instant(allow_none=True, metadata={"description": "Puts off; null brings back."})
    custom = CustomFields(
        attribute="fields", data_key="fields", metadata={"description": "Sets the named fields; null removes one."}
    )

    @validates_schema
    def check_something(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a change of nothing."""
        if not data.keys() - {"steal"}:
            raise ValidationError("Name at least one thing to change.")


class BulkTicketSchema(Asked):
    """A ticket to change, if it is still as you have seen it."""

    id = Id(required=True, metadata={"example": 17})
    version = Id(metadata={"description": "Another one than this is refused: 412 `stale_version`.", "example": 3})


class BulkSchema(Asked):
    """The same change of many tickets; they are named by `ids`, by `tickets` or by both."""

    ids = fields.List(Id(), load_default=list, validate=Length(max=MOST_AT_ONCE), metadata={"example": [17, 18]})
    tickets = fields.List(
        fields.Nested(BulkTicketSchema),
        load_default=list,
        validate=Length(max=MOST_AT_ONCE),
        metadata={"description": "As `ids`, with versions.", "example": []},
    )
    change = fields.Nested(BulkChangeSchema, required=True, metadata={"example": {"priority": "high"}})

    @validates_schema
    def check_tickets(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse none, too many, and one of which two things are said."""
        if not 1 <= len(data["ids"]) + len(data["tickets"]) <= MOST_AT_ONCE:
            raise ValidationError(f"Name 1 to {MOST_AT_ONCE} tickets.", "ids")
        with_versions = [one["id"] for one in data["tickets"]]
        if len(set(with_versions)) < len(with_versions) or not set(with_versions).isdisjoint(data["ids"]):
            raise ValidationError("Name each ticket once.", "tickets")


class BulkItemSchema(Answer):
    """What became of one ticket."""

    id = fields.Integer(required=True)
    status = fields.Integer(required=True, metadata={"description": "As if asked for alone.", "example": 200})
    ticket = fields.Nested(TicketSchema, required=True, allow_none=True)
    problem = fields.Nested(PartProblemSchema, required=True, allow_none=True)


class BulkAnswerSchema(Answer):
    """What became of each ticket, in the order in which they were asked for."""

    items = fields.Nested(BulkItemSchema, many=True, required=True)
