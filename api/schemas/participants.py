"""Who takes part in a ticket, as JSON."""

from marshmallow import fields

from api.schemas.named import NamedSchema
from api.serialisation import Answer
from ticketing.envelope import HandleKind
from ticketing.participants import Part


class ParticipantSchema(Answer):
    """Somebody who takes part: what they write that could be guessed to belong there does."""

    part = fields.Enum(
        Part,
        by_value=True,
        required=True,
        metadata={
            "description": "`customer`: it is their ticket; `author`: they wrote to it; `named`: one of these, or an "
            "agent, named them there, such as in a mail's Cc."
        },
    )
    kind = fields.Enum(HandleKind, by_value=True, required=True, allow_none=True)
    address = fields.String(
        required=True, metadata={"description": "Empty for one who gave none.", "example": "boss@work.example"}
    )
    name = fields.String(required=True)
    customer = fields.Nested(
        NamedSchema, required=True, allow_none=True, metadata={"description": "Null: nobody whom we know."}
    )


class ParticipantPageSchema(Answer):
    """All who take part."""

    items = fields.Nested(ParticipantSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
