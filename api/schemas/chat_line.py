"""What the doors of a chat are asked by a visitor who leaves its line, ends it, or looks back on it."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Range

from api.schemas.asked import Asked, Instant
from api.schemas.chat import Said
from channels.webchat.rating import BEST, MAX_COMMENT
from ticketing.handles import MAX_LENGTH

LONGEST_NUMBER = 40


class CallMeSchema(Asked):
    """Where to call the visitor, and when: one of the windows of `GET /chat/callback`; without, as soon as possible."""

    phone = Said(LONGEST_NUMBER, required=True)
    since = Instant(data_key="from")
    until = Instant(data_key="to")

    @validates_schema
    def _both_or_none(self, data: dict[str, Any], **_: Any) -> None:
        if ("since" in data) is not ("until" in data):
            raise ValidationError("Give both from and to, or neither.", "to" if "since" in data else "from")


class TextMeSchema(Asked):
    """Where to text the visitor."""

    phone = Said(LONGEST_NUMBER, required=True)


class RatingSchema(Asked):
    """How the visitor found the chat."""

    score = fields.Integer(required=True, strict=True, validate=Range(1, BEST))
    comment = Said(MAX_COMMENT, load_default="")


class TranscriptSchema(Asked):
    """Where to send what was said."""

    email = Said(MAX_LENGTH, load_default="")


class NothingSchema(Asked):
    """Nothing."""
