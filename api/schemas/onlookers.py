"""Who looks at a ticket, as JSON."""

from marshmallow import fields

from api.schemas.asked import Asked, Flag
from api.schemas.named import NamedSchema
from api.serialisation import Answer, Moment


class OnlookerSchema(Answer):
    """An agent who has the ticket open."""

    agent = fields.Nested(NamedSchema, required=True)
    typing = fields.Boolean(required=True)
    until = Moment(required=True, metadata={"description": "Unless it is said again."})


class OnlookersSchema(Answer):
    """Everybody who has the ticket open, you included."""

    items = fields.Nested(OnlookerSchema, many=True, required=True)


class LookingSchema(Asked):
    """What you do on the ticket."""

    typing = Flag(load_default=False, metadata={"description": "You are writing something."})
