"""`dataclasses.replace`, five times as fast: a replay of the past makes millions of changed values. Pure."""

from typing import Any, TypeVar

Value = TypeVar("Value")


def replace(value: Value, **changes: Any) -> Value:
    """Return a frozen dataclass with other values for some of its fields. Raises TypeError for what is no field.

    The class has no slots, and nothing to do when one is made: its values are copied past its `__init__`.
    """
    cls = type(value)
    if not cls.__dataclass_fields__.keys() >= changes.keys():  # type: ignore[attr-defined]  # it is a dataclass
        raise TypeError(f"{cls.__name__} has no field {', '.join(changes)}")
    changed = object.__new__(cls)
    changed.__dict__.update(value.__dict__)
    changed.__dict__.update(changes)
    return changed
