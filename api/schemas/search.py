"""What a search asks and answers."""

from marshmallow import fields
from marshmallow.validate import OneOf, Range

from api.pagination import PageQuery
from api.schemas.asked import Words
from api.schemas.named import NamedSchema
from api.schemas.tickets import TicketFilter
from api.serialisation import Answer, DerivedNested, Moment
from ticketing.envelope import Channel
from ticketing.search.hits import MOST
from ticketing.status import Priority, Status

LONGEST = 500
USUAL_HITS = 20
MOST_HITS = 50


class Reference:
    """A thing by id and name."""

    def __init__(self, row_id: int, name: str) -> None:
        self.id, self.name = row_id, name


class FoundTicketSchema(Answer):
    """A ticket that was found, in short."""

    id = fields.Integer(required=True, metadata={"example": 17})
    subject = fields.String(required=True, metadata={"example": "The kettle leaks"})
    status = fields.Enum(Status, by_value=True, required=True)
    priority = fields.Enum(Priority, by_value=True, required=True)
    channel = fields.Enum(Channel, by_value=True, required=True)
    queue = DerivedNested(NamedSchema, of=lambda row: Reference(row.queue_id, row.queue_name), required=True)
    assignee = DerivedNested(
        NamedSchema,
        of=lambda row: Reference(row.assignee_id, row.assignee_name) if row.assignee_id else None,
        required=True,
        allow_none=True,
    )
    customer = DerivedNested(NamedSchema, of=lambda row: Reference(row.customer_id, row.customer_name), required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class ExcerptSchema(Answer):
    """A piece of a text, as it was written, with what was found in it."""

    where = fields.String(required=True, validate=OneOf(["subject", "customer", "message"]))
    message = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The message's id, if it is one."}
    )
    text = fields.String(required=True, metadata={"example": "The kettle leaks"})
    marks = fields.List(
        fields.List(fields.Integer()),
        required=True,
        metadata={
            "description": "Ranges of `text`, [from, to), counted in characters (Unicode code points), in order.",
            "example": [[4, 10]],
        },
    )


class HitSchema(Answer):
    """A ticket and where its words stand."""

    ticket = fields.Nested(FoundTicketSchema, required=True)
    excerpts = fields.Nested(ExcerptSchema, many=True, required=True)


class HitPageSchema(Answer):
    """A page of hits, the best first."""

    items = fields.Nested(HitSchema, many=True, required=True)
    total = fields.Integer(required=True, metadata={"description": f"How many there are; counts to {MOST}."})
    total_is_capped = fields.Boolean(required=True, metadata={"description": "There are more than `total`."})
    next = fields.String(required=True, allow_none=True)


class SearchQuery(PageQuery, TicketFilter):
    """Which words, in which tickets."""

    q = Words(
        LONGEST,
        required=True,
        metadata={
            "description": 'Words that must all be there; "quoted": one after the other; -word: not this one; '
            "the last one may go on.",
            "example": "kettle leak",
        },
    )
    limit = fields.Integer(
        load_default=USUAL_HITS,
        strict=False,
        validate=Range(1, MOST_HITS),
        metadata={"description": "How many at most."},
    )
