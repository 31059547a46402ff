"""What all schemas of requests have in common: unknown names are refused, and so is text that says nothing."""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Length, Range

from api.parsing import MAX_ID


class Asked(Schema):
    """What a client sends."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "There is no such field here."}  # noqa: RUF012 - marshmallow's own form


class Id(fields.Integer):
    """An id of ours; in a query, where everything is text, not `strict`."""

    def __init__(self, *, strict: bool = True, **kwargs: Any) -> None:
        super().__init__(strict=strict, validate=Range(1, MAX_ID), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool):  # which Python takes for a number
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Flag(fields.Boolean):
    """True or false, and nothing that looks like it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(truthy={True}, falsy={False}, **kwargs)


class Words(fields.String):
    """Text that says something: at least one character that is no blank, at most `longest`."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(validate=[Length(1, longest), _says_something], **kwargs)


class Text(fields.String):
    """Text that may be empty, at most `longest` characters."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(validate=Length(max=longest), **kwargs)


def _says_something(text: str) -> None:
    if not text.strip():
        raise ValidationError("Must not be blank.")
