"""What is shown of a thing where another thing refers to it."""

from marshmallow import fields

from api.serialisation import Answer


class NamedSchema(Answer):
    """A thing by id and name."""

    id = fields.Integer(required=True, metadata={"example": 1})
    name = fields.String(required=True, metadata={"example": "Support"})
