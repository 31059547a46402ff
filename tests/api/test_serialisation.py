"""The compiled serialisers say what marshmallow's own dump says, whatever the values."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from api.openapi import RESOURCES  # noqa: F401 - every schema is known once the resources are imported
from api.parsing import ORJSONProvider
from api.serialisation import Answer, Derived, Moment, compiled

EARLIEST, LATEST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001 - hypothesis adds the zone
MOMENTS = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))
JSON_VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"))
PLAIN = {  # the nearest class counts
    Moment: MOMENTS,
    fields.Integer: st.integers(-(2**53), 2**53),
    fields.Date: st.dates(),
    fields.Float: st.floats(allow_nan=False, allow_infinity=False),
    fields.Boolean: st.booleans(),
    fields.String: st.text(st.characters(codec="utf-8")),
    fields.Dict: st.dictionaries(st.text(st.characters(codec="utf-8")), JSON_VALUES, max_size=3),
}


def every_answer(kind: type[Answer] = Answer) -> list[type[Answer]]:
    return [one for sub in kind.__subclasses__() for one in (sub, *every_answer(sub))]


def values_of(field: Any) -> st.SearchStrategy[Any]:
    found = _present(field)
    return st.none() | found if field.allow_none else found


def _present(field: Any) -> st.SearchStrategy[Any]:
    if isinstance(field, fields.Nested):
        inner = objects_of(field.schema)
        return st.lists(inner, max_size=2) if field.many else inner
    if isinstance(field, fields.Enum):
        return st.sampled_from(list(field.enum))
    if isinstance(field, fields.List):
        return st.lists(values_of(field.inner), max_size=3)
    if isinstance(field, fields.Dict) and field.value_field is not None:
        return st.dictionaries(st.text(st.characters(codec="utf-8")), values_of(field.value_field), max_size=3)
    return next(PLAIN[kind] for kind in type(field).__mro__ if kind in PLAIN)


def objects_of(schema: Any) -> st.SearchStrategy[Any]:
    """Objects with an attribute for each field; those of derived fields are looked up under the field's name."""
    return _built({field.attribute or name: values_of(field) for name, field in schema.dump_fields.items()})


def _built(attributes: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Objects with these attributes; `counts.met` is one of an object within."""
    plain = {name: values for name, values in attributes.items() if "." not in name}
    within: dict[str, dict[str, st.SearchStrategy[Any]]] = {}
    for name, values in attributes.items():
        outer, _, inner = name.partition(".")
        if inner:
            within.setdefault(outer, {})[inner] = values
    return st.builds(SimpleNamespace, **plain, **{name: _built(inner) for name, inner in within.items()})


def by_name(schema: Any) -> Any:
    """Let derived fields, deep down too, find in our objects what lies there under their name."""
    for name, field in schema.dump_fields.items():
        if isinstance(field, Derived):
            field.of = lambda obj, name=name: getattr(obj, name)
        if isinstance(field, fields.Nested):
            by_name(field.schema)
    return schema


@cache
def ways(kind: type[Answer]) -> tuple[Any, st.SearchStrategy[Any], Callable[[Any], Any]]:
    """A schema, objects for it, and its compiled serialiser; made once, for that takes longer than an example."""
    schema = by_name(kind())
    return schema, objects_of(schema), compiled(schema)


@pytest.mark.parametrize("kind", every_answer(), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_both_ways_say_the_same(kind: type[Answer], data: st.DataObject) -> None:
    schema, objects, fast_dump = ways(kind)
    obj = data.draw(objects)

    fast, slow = fast_dump(obj), Schema.dump(schema, obj)

    option = ORJSONProvider.OPTIONS | orjson.OPT_SORT_KEYS
    assert orjson.dumps(fast, option=option) == orjson.dumps(slow, option=option)
    assert set(fast) == {field.data_key or name for name, field in schema.fields.items()}


@given(moment=MOMENTS, hours=st.integers(-12, 14))
def test_moments_are_in_utc_with_z(moment: datetime, hours: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))

    said = Moment().serialize("at", SimpleNamespace(at=elsewhere))

    assert said.endswith("Z")
    assert datetime.fromisoformat(said) == moment
