"""What a listener may ask for."""

from marshmallow.fields import Integer, String
from marshmallow.validate import Length, Range

from api.parsing import MAX_ID
from api.schemas.asked import Asked


class StreamQuery(Asked):
    """Of what somebody wants to hear; without anything, of all that they see."""

    ticket = Integer(
        strict=False, validate=Range(1, MAX_ID), metadata={"description": "Of this ticket alone.", "example": 7}
    )
    queue = String(
        validate=Length(1, 100), metadata={"description": "Of this queue alone, by name or id.", "example": "Support"}
    )
    last_event_id = String(
        validate=Length(max=100),
        metadata={"description": "As the header `Last-Event-ID`, for who cannot write headers."},
    )
