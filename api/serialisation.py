"""Turn rows into JSON by functions compiled once from the schemas' own fields.

Marshmallow's dump costs twenty times a hand-built dict on a page of 50. The schemas stay the one description, of the
OpenAPI document too; a test holds both ways equal.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields

from ticketing.moment import rfc3339

Serialiser = Callable[[Any], dict[str, Any]]


class Moment(fields.DateTime):
    """A moment as RFC 3339 in UTC with `Z`; orjson writes a datetime in the same way."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **_: Any) -> str | None:
        return None if value is None else rfc3339(value)


class Derived:
    """Mixin of a field whose value a function finds in the whole object."""

    def __init__(self, *args: Any, of: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.of = of

    def get_value(self, obj: Any, *_: Any, **__: Any) -> Any:
        """Replace marshmallow's look-up by name."""
        return self.of(obj)


class DerivedEnum(Derived, fields.Enum[Any]):
    """One of a few words, found by a function."""


class DerivedDict(Derived, fields.Dict):
    """Values by name, found by a function."""


class DerivedMoment(Derived, Moment):
    """A moment, found by a function."""


class DerivedNested(Derived, fields.Nested):
    """A part with fields of its own, found by a function."""


class Answer(Schema):
    """What we answer. Objects have their fields as attributes; `dump` takes one object."""

    _serialise: Serialiser | None = None

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Return what orjson turns into the answer: moments are left to it."""
        if self._serialise is None:
            self._serialise = compiled(self)
        return [self._serialise(one) for one in obj] if many or self.many else self._serialise(obj)


def compiled(schema: Schema) -> Serialiser:
    """Return the function that does what the schema's fields say. Enums and moments are left to orjson.

    It is one expression, `lambda obj: {"id": obj.id, "sla": of_1(obj), …}`: a page has thousands of values, and every
    call that is spared counts. What it is made of are names of fields, nothing that anybody sends.
    """
    functions: dict[str, Any] = {"__builtins__": {}}
    made: Serialiser = eval(f"lambda obj: {_object('obj', schema, functions)}", functions)  # noqa: S307
    return made


def _object(name: str, schema: Schema, functions: dict[str, Any]) -> str:
    """Return the source of the dict of an object that has this name; adds what it calls to `functions`."""
    every = {field.data_key or key: field for key, field in schema.dump_fields.items()}
    return f"{{{', '.join(f'{key!r}: {_value(name, field, functions)}' for key, field in every.items())}}}"


def _value(name: str, field: Any, functions: dict[str, Any]) -> str:
    number = len(functions)
    found, inner = f"of_{number}", f"obj_{number}"
    if isinstance(field, Derived):
        functions[found] = field.of
        source = f"{found}({name})"
    else:
        functions[found] = None  # so that no two names are alike
        source = ".".join([name, *_identifiers(field.attribute or field.name or "")])
    if not isinstance(field, fields.Nested):
        return source
    shown = _object(inner, field.schema, functions)
    return f"[{shown} for {inner} in {source}]" if field.many else f"None if ({inner} := {source}) is None else {shown}"


def _identifiers(attribute: str) -> list[str]:
    parts = attribute.split(".")
    if not all(part.isidentifier() for part in parts):
        raise ValueError(f"{attribute!r} is no attribute's name")
    return parts
