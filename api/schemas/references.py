"""Fields of requests that name a thing of ours in one of several ways."""

from typing import Any

from marshmallow import ValidationError, fields

from api.parsing import MAX_ID
from ticketing.queues import MAX_NAME


class QueueName(fields.Field[str | int]):
    """A queue by its id or its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str | int:
        if isinstance(value, str) and 0 < len(value) <= MAX_NAME:
            return value
        if _is_id(value):
            return int(value)
        raise ValidationError("Must be a queue's name or id.")


class AgentName(fields.Field[int | None]):
    """An agent by id, or `me`; None stands for the caller."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int | None:
        if value == "me":
            return None
        if _is_id(value):
            return int(value)
        raise ValidationError("Must be an agent's id, or me.")


class AssigneeName(fields.Field[int | str | None]):
    """An agent by id, or `me`; None stands for nobody, where the field allows it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int | str | None:
        if value == "me" or _is_id(value):
            found: int | str = value
            return found
        raise ValidationError("Must be an agent's id, me or null.")


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID
