"""What is asked when a ticket changes hands or is done."""

from marshmallow import fields

from api.schemas.asked import Asked, Flag, Text, Words
from api.schemas.references import AgentName
from ticketing.envelope import Channel
from ticketing.reply_plan import MAX_BODY

MAX_REASON = 500


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
    reason = Text(MAX_REASON, load_default="", metadata={"description": "For the journal.", "example": "speaks Dutch"})


class ReleaseSchema(Asked):
    """Why a ticket goes back to its queue."""

    reason = Text(MAX_REASON, load_default="", metadata={"description": "For the journal.", "example": "off for today"})


class ResolutionSchema(Asked):
    """How the matter ended."""

    note = Words(MAX_BODY, metadata={"description": "An internal note, written at once."})
    answer_needed = Flag(
        load_default=True,
        metadata={"description": "false: what the customer wrote last, such as thanks, called for no answer."},
    )


class NextQuery(Asked):
    """Which sort of work."""

    channel = fields.Enum(Channel, by_value=True)
