"""People at the desk and whether they are there, as JSON."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import Length, Range

from api.schemas.asked import Asked, Flag, Text, Words
from api.serialisation import Answer, Moment
from ticketing.capacity import MOST
from ticketing.envelope import Channel
from ticketing.handles import MAX_LENGTH
from ticketing.models import Presence, Role
from ticketing.people import MAX_NAME
from ticketing.presence import MAX_REASON
from ticketing.skills import MAX_SKILL, MAX_SKILLS


class Skills(fields.List[str]):
    """Skills; they are folded to lower case, in order, each once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Words(MAX_SKILL), validate=Length(max=MAX_SKILLS), **kwargs)


class Limit(fields.Integer):
    """How many tickets at a time."""

    def __init__(self) -> None:
        super().__init__(strict=True, validate=Range(0, MOST))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool):  # which Python takes for a number
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Capacity(fields.Dict):
    """Limits by channel."""

    def __init__(self, **kwargs: Any) -> None:
        described = "Tickets at a time, by channel; a channel that is left out has no limit. Replaces all limits."
        super().__init__(
            keys=fields.Enum(Channel, by_value=True),
            values=Limit(),
            metadata={"description": described, "example": {"chat": 3, "phone": 1}},
            **kwargs,
        )


class AgentChangeSchema(Asked):
    """What to change of a person; what is not named stays. Supervisors change `skills` and `capacity` only."""

    name = Words(MAX_NAME, metadata={"example": "Ada"})
    role = fields.Enum(Role, by_value=True)
    is_active = Flag(
        metadata={"description": "False: has left; their tickets go back, their tokens and logins end at once."}
    )
    skills = Skills(metadata={"example": ["french"]})
    capacity = Capacity()


class NewAgentSchema(Asked):
    """A person who joins the desk."""

    email = Words(MAX_LENGTH, required=True, metadata={"example": "ada@desk.example"})
    name = Words(MAX_NAME, required=True, metadata={"example": "Ada"})
    role = fields.Enum(Role, by_value=True, load_default=Role.AGENT)
    skills = Skills(load_default=list, metadata={"example": ["french"]})
    capacity = Capacity(load_default=dict)


class PresenceSchema(Answer):
    """Whether somebody takes work that comes by itself."""

    status = fields.Enum(Presence, by_value=True, attribute="presence", required=True)
    reason = fields.String(attribute="presence_reason", required=True, metadata={"example": "lunch"})
    since = Moment(attribute="presence_since", required=True, allow_none=True)


class PresenceChangeSchema(Asked):
    """Whether you take work that comes by itself, and why not."""

    status = fields.Enum(Presence, by_value=True, required=True)
    reason = Text(MAX_REASON, load_default="", metadata={"example": "lunch"})
    keep_work = Flag(
        load_default=False,
        metadata={"description": "Going offline hands back what nobody has answered, unless this is true."},
    )
