"""Custom fields of a ticket as clients send them."""

from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length

MAX_FIELDS = 100
MAX_FIELD_NAME = 60
MAX_FIELD_TEXT = 2000


class FieldValue(fields.Raw):
    """The value of a custom field: text, a number, true or false, a list of texts, or null."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        if isinstance(value, dict) or not all(isinstance(one, str) for one in texts):
            raise ValidationError("Must be text, a number, true or false, a list of texts, or null.")
        if len(texts) > MAX_FIELDS or any(len(one) > MAX_FIELD_TEXT for one in texts):
            raise ValidationError(f"Takes at most {MAX_FIELDS} texts of at most {MAX_FIELD_TEXT} characters.")
        return value


def _not_too_many(values: dict[str, Any]) -> None:
    if len(values) > MAX_FIELDS:
        raise ValidationError(f"A ticket takes at most {MAX_FIELDS} custom fields.")


class CustomFields(fields.Dict):
    """Custom fields by name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            keys=fields.String(validate=Length(1, MAX_FIELD_NAME)),
            values=FieldValue(allow_none=True),
            validate=_not_too_many,
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[Any, Any]:
        try:
            found: dict[Any, Any] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # {name: {"key": […], "value": […]}} is one detail too many.
            told = {name: [one for said in parts.values() for one in said] for name, parts in error.messages.items()}
            raise ValidationError(told) from None
        return found
