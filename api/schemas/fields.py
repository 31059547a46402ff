"""Definitions of custom fields as JSON."""

from marshmallow import fields
from marshmallow.validate import Length, Range, Regexp

from api.pagination import PageQuery
from api.schemas.asked import Asked, Flag, Words
from api.schemas.custom_fields import MAX_FIELD_NAME
from api.serialisation import Answer, Moment
from ticketing.models import FieldKind, FieldSubject

MAX_LABEL = 100
MAX_CHOICE = 100
MAX_CHOICES = 200
MAX_POSITION = 1_000_000


class FieldSchema(Answer):
    """A custom field as the desk has defined it."""

    id = fields.Integer(required=True)
    subject = fields.Enum(FieldSubject, by_value=True, required=True)
    name = fields.String(required=True, metadata={"description": "Its name in JSON.", "example": "contract"})
    label = fields.String(required=True, metadata={"description": "Its name for people.", "example": "Contract"})
    kind = fields.Enum(FieldKind, by_value=True, required=True)
    choices = fields.List(fields.String(), required=True)
    required = fields.Boolean(required=True, metadata={"description": "To solve a ticket; to save a customer."})
    position = fields.Integer(required=True, metadata={"description": "Where it stands in a form."})
    created_at = Moment(required=True)


class FieldPageSchema(Answer):
    """A page of custom fields."""

    items = fields.Nested(FieldSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class FieldChangeSchema(Asked):
    """What to change of a custom field; what is not named stays. Its name and its kind are for good."""

    label = Words(MAX_LABEL, metadata={"example": "Contract"})
    choices = fields.List(Words(MAX_CHOICE), validate=Length(max=MAX_CHOICES))
    required = Flag()
    position = fields.Integer(strict=True, validate=Range(0, MAX_POSITION))


class NewFieldSchema(Asked):
    """A custom field to make."""

    subject = fields.Enum(FieldSubject, by_value=True, required=True)
    name = fields.String(
        required=True,
        validate=[
            Length(1, MAX_FIELD_NAME),
            Regexp(r"[a-z][a-z0-9_]*\Z", error="Must be small letters, digits and _, a letter first."),
        ],
        metadata={"example": "contract"},
    )
    label = Words(MAX_LABEL, required=True, metadata={"example": "Contract"})
    kind = fields.Enum(FieldKind, by_value=True, required=True)
    choices = fields.List(
        Words(MAX_CHOICE),
        load_default=list,
        validate=Length(max=MAX_CHOICES),
        metadata={"description": "Of the kinds `choice` and `choices`."},
    )
    required = Flag(load_default=False, metadata={"description": "To solve a ticket; to save a customer."})
    position = fields.Integer(strict=True, load_default=0, validate=Range(0, MAX_POSITION))


class FieldQuery(PageQuery):
    """Which custom fields."""

    subject = fields.Enum(FieldSubject, by_value=True)
