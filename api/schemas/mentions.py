"""Mentions as JSON."""

from marshmallow import fields

from api.pagination import PageQuery
from api.schemas.messages import AuthorSchema, author_of
from api.serialisation import Answer, Derived, DerivedNested, Moment


class DerivedString(Derived, fields.String):
    """Text, found by a function."""


class DerivedId(Derived, fields.Integer):
    """An id, found by a function."""


class MentionSchema(Answer):
    """A note that names you."""

    id = fields.Integer(required=True)
    ticket = DerivedId(of=lambda one: one.message.ticket_id, required=True)
    message = fields.Integer(attribute="message_id", required=True, metadata={"description": "The note's id."})
    author = DerivedNested(AuthorSchema, of=lambda one: author_of(one.message), required=True)
    body = DerivedString(of=lambda one: one.message.body, required=True, metadata={"description": "The note."})
    created_at = Moment(required=True)
    seen_at = Moment(required=True, allow_none=True, metadata={"description": "Null: you have not said so yet."})


class MentionPageSchema(Answer):
    """A page of mentions."""

    items = fields.Nested(MentionSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class MentionQuery(PageQuery):
    """Which mentions."""

    unseen = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "Only those that you have not seen."},
    )
