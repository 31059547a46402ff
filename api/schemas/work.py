"""What is asked when a ticket changes hands or is done."""

from marshmallow import fields

from api.schemas.asked import Asked, Flag, Words
from api.schemas.references import AgentName
from ticketing.conversation import MAX_BODY
from ticketing.envelope import Channel


class AssignmentSchema(Asked):
    """Who shall have the ticket."""

    agent = AgentName(
        required=True,
        metadata={
            "anyOf": [{"type": "integer"}, {"const": "me"}],
            "description": "An agent's id, or `me`.",
            "example": "me",
        },
    )
    steal = Flag(load_default=False, metadata={"description": "Also when somebody else has it."})


class ResolutionSchema(Asked):
    """How the matter ended."""

    note = Words(MAX_BODY, metadata={"description": "An internal note, written at once."})


class NextQuery(Asked):
    """Which sort of work."""

    channel = fields.Enum(Channel, by_value=True)
