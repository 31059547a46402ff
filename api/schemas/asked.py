"""What all schemas of requests have in common: unknown names are refused, and so is text that says nothing."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Length, Range

from api.parsing import MAX_ID


class Asked(Schema):
    """What a client sends."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "There is no such field here.", "type": "Must be a JSON object."}  # noqa: RUF012 - marshmallow's own form


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

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):  # Python takes 1 for True
            raise self.make_error("invalid", input=value)
        return value


class Words(fields.String):
    """Text that says something: at least one character that is no blank, at most `longest`."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(validate=[Length(1, longest), _says_something], **kwargs)


class Line(Words):
    """Words on one line; what they begin, end and part with stays as it is."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(longest, **kwargs)
        self.validators.append(_is_one_line)


class Text(fields.String):
    """Text that may be empty, at most `longest` characters."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(validate=Length(max=longest), **kwargs)


class Instant(fields.AwareDateTime):
    """A moment; RFC 3339."""

    default_error_messages = dict.fromkeys(
        ("invalid", "invalid_awareness", "format"),
        "Must be a moment with its time zone, such as 2026-12-01T09:00:00Z.",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        found = super()._deserialize(value, attr, data, **kwargs)
        try:
            return found.astimezone(UTC)
        except OverflowError:  # at either end of time, where it is another year in UTC
            raise self.make_error("invalid", input=value, obj_type="datetime") from None


def _is_one_line(text: str) -> None:
    if text.splitlines() != [text]:
        raise ValidationError("Must be one line.")


def _says_something(text: str) -> None:
    if not text.strip():
        raise ValidationError("Must not be blank.")
