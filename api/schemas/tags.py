"""Tags as JSON."""

from marshmallow import fields

from api.pagination import PageQuery
from api.schemas.asked import Text
from api.serialisation import Answer
from ticketing.lifecycle import MAX_TAG


class TagQuery(PageQuery):
    """Which tags."""

    prefix = Text(MAX_TAG, load_default="", metadata={"description": "How they begin.", "example": "ket"})


class TagSchema(Answer):
    """A tag in use."""

    name = fields.String(required=True, metadata={"example": "kettle"})
    tickets = fields.Integer(required=True, metadata={"description": "On how many; counted up to 1000."})
    more = fields.Boolean(required=True, metadata={"description": "Whether it is on more than were counted."})


class TagPageSchema(Answer):
    """A page of tags, in the order of their names."""

    items = fields.Nested(TagSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
