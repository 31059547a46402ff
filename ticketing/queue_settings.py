"""How a queue treats its callers: the settings that it may have, each checked, and what holds where it says nothing."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

from ticketing.errors import InvalidInput
from ticketing.spoken_words import Words, checked_address, checked_words

RING_SECONDS = 20
WRAP_UP_SECONDS = 30
MAX_WAIT_SECONDS = 3600
ATTEMPTS = 3
RETRY_SECONDS = 600
TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00")
MOST_SPANS = 5


@dataclass(frozen=True)
class CallbackSettings:
    """Whether and how callers are called back.

    `hours` are the spans of the day, as ("09:00", "12:00"), in which it may be; none: whenever the queue is open.
    """

    enabled: bool = True
    attempts: int = ATTEMPTS
    retry_seconds: int = RETRY_SECONDS
    hours: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class QueueSettings:
    """How callers of a queue are treated. None means: without a limit, or as elsewhere."""

    calendar: int | None = None  # when the line is open: a calendar's id; None: as the SLA policy for its calls has it
    music: str = ""  # the address of an audio file; "": our own
    ring_seconds: int = RING_SECONDS  # how long an agent's device rings
    wrap_up_seconds: int = WRAP_UP_SECONDS
    max_waiting: int | None = None  # on hold at a time
    max_wait_seconds: int = MAX_WAIT_SECONDS
    record: bool = False
    recording_notice: Words | None = None  # None: our own words, where calls are recorded
    retention_days: int | None = None  # of recordings; None: as long as the ticket
    callback: CallbackSettings = field(default_factory=CallbackSettings)
    text_instead: bool = True
    voicemail: bool = True

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return a queue's settings as they were checked when they were written."""
        known = {name: value for name, value in settings.items() if name in SETTINGS}
        if "callback" in known:
            asked = dict(known["callback"])
            asked["hours"] = tuple((first, last) for first, last in asked.get("hours", ()))
            known["callback"] = CallbackSettings(**asked)
        return cls(**known)


def changed(settings: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with others put in; None takes one away. Raises InvalidInput."""
    for name in wanted:
        if name not in SETTINGS:
            raise InvalidInput(f"a queue has no setting {name[:30]!r}; it has {', '.join(SETTINGS)}")
    kept = {name: value for name, value in settings.items() if name not in wanted}
    return kept | {name: SETTINGS[name](value) for name, value in wanted.items() if value is not None}


def _whole(name: str, least: int, most: int) -> Callable[[Any], int]:
    def whole(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidInput(f"a queue's {name} is a whole number from {least} to {most}")
        return value

    return whole


def _flag(name: str) -> Callable[[Any], bool]:
    def flag(value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidInput(f"a queue's {name} is true or false")
        return value

    return flag


def _callback(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"a queue's callback is an object with {', '.join(CALLBACK)}")
    for name in value:
        if name not in CALLBACK:
            raise InvalidInput(f"a queue's callback has no {str(name)[:30]!r}; it has {', '.join(CALLBACK)}")
    return {name: CALLBACK[name](one) for name, one in value.items()}


def _hours(value: Any) -> list[list[str]]:
    spans = [list(one) for one in value] if isinstance(value, list) and all(map(_is_span, value)) else []
    if len(spans) != len(value if isinstance(value, list) else [None]) or len(spans) > MOST_SPANS:
        raise InvalidInput(f'a queue\'s callback.hours are up to {MOST_SPANS} spans such as ["09:00", "18:00"]')
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise InvalidInput("a queue's callback.hours come one after the other")
    return spans


def _is_span(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return all(isinstance(one, str) and TIME.fullmatch(one) for one in value) and value[0] < value[1]


CALLBACK: dict[str, Callable[[Any], Any]] = {
    "enabled": _flag("callback.enabled"),
    "attempts": _whole("callback.attempts", 1, 10),
    "retry_seconds": _whole("callback.retry_seconds", 60, 86_400),
    "hours": _hours,
}

SETTINGS: dict[str, Callable[[Any], Any]] = {
    "calendar": _whole("calendar", 1, 2**63 - 1),
    "music": lambda value: checked_address("a queue's music", value),
    "ring_seconds": _whole("ring_seconds", 5, 120),
    "wrap_up_seconds": _whole("wrap_up_seconds", 0, 3600),
    "max_waiting": _whole("max_waiting", 0, 1000),
    "max_wait_seconds": _whole("max_wait_seconds", 60, 14_400),
    "record": _flag("record"),
    "recording_notice": lambda value: checked_words("a queue's recording_notice", value),
    "retention_days": _whole("retention_days", 1, 3660),
    "callback": _callback,
    "text_instead": _flag("text_instead"),
    "voicemail": _flag("voicemail"),
}
