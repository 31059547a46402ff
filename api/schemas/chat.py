"""What the chat's doors are asked, strictly: whoever sends it is a stranger."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import Length

from api.schemas.asked import Asked, Flag, Id, Text
from channels.webchat.identity import LONGEST as LONGEST_IDENTITY
from channels.webchat.sessions import MAX_NAME
from channels.webchat.widgets import LONGEST_VALUE
from ticketing.handles import MAX_LENGTH
from ticketing.languages import LONGEST_TAG
from ticketing.storable import storable
from ticketing.widget_settings import MAX_FIELDS

LONGEST_PAGE = 2000
LONGEST_KEY = 64


class Said(Text):
    """Text of a stranger, as both databases can keep it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return storable(super()._deserialize(value, attr, data, **kwargs)).strip()


class SaidSchema(Asked):
    """What visitors may say of themselves at any time."""

    name = Said(MAX_NAME)
    email = Said(MAX_LENGTH)
    phone = Said(40)
    page = Said(LONGEST_PAGE)
    language = Said(LONGEST_TAG)
    identity = fields.String(validate=Length(max=LONGEST_IDENTITY))


class NewSessionSchema(SaidSchema):
    """A chat to begin."""

    widget = Said(LONGEST_KEY, load_default="")
    fields_ = fields.Dict(
        keys=fields.String(validate=Length(1, 40)),
        values=Said(LONGEST_VALUE),
        data_key="fields",
        attribute="fields",
        load_default=dict,
        validate=Length(max=MAX_FIELDS),
    )


class TypingSchema(Asked):
    """Whether the visitor is typing."""

    typing = Flag(required=True)


class SeenSchema(Asked):
    """The last message that the visitor was shown."""

    until = Id(required=True)


class GoneSchema(Asked):
    """Whose page is closed: `navigator.sendBeacon` sends no headers of ours."""

    token = fields.String(required=True, validate=Length(1, 500))
