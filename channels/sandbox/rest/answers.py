"""What is asked of the REST API and what it answers, as plain values; HTTP is the door's business."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from channels.sandbox.exchange import API
from channels.sandbox.refusals import Refused

PAGE, MAX_PAGE = 50, 1000


@dataclass(frozen=True)
class Answer:
    """What the REST API answers: JSON, or bytes of another kind."""

    status: int
    body: dict[str, Any] | None = None
    content: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    stall: float = 0.0  # real seconds that go by before it is answered


@dataclass(frozen=True)
class Asked:
    """The parameters of a request; a repeated one has several values."""

    values: Mapping[str, Sequence[str]]

    def get(self, name: str, default: str = "") -> str:
        found = self.values.get(name)
        return found[0] if found else default

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values; some are sent as one, with blanks between."""
        return tuple(word for value in self.values.get(name, ()) for word in value.split())

    def has(self, name: str) -> bool:
        return bool(self.get(name).strip())

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.get(name).lower()
        return value == "true" if value else default

    def number(self, name: str, default: int, *, most: int) -> int:
        value = self.get(name)
        if not value:
            return default
        if not value.isdecimal() or int(value) > most:
            raise Refused(20001, f"{name} is to be a number from 0 to {most}")
        return int(value)


def needed(asked: Asked, *names: tuple[str, int]) -> None:
    """Raise Refused unless all of these are there, each with the error of its absence."""
    for name, code in names:
        if not asked.has(name):
            raise Refused(code, f"A '{name}' is required.")


def page(
    asked: Asked, path: str, name: str, items: Sequence[Any], key: Callable[[Any], str], show: Callable[[Any], Any]
) -> Answer:
    """Return one page of a list in Twilio's form: https://www.twilio.com/docs/usage/twilios-response#pagination."""
    size = max(1, asked.number("PageSize", PAGE, most=MAX_PAGE))
    number = asked.number("Page", 0, most=1_000_000)
    keys = [key(item) for item in items]
    token = asked.get("PageToken").removeprefix("PA")
    begin = keys.index(token) + 1 if token in keys else number * size
    chosen = items[begin : begin + size]
    filters = {
        one: asked.get(one) for one in asked.values if one not in ("Page", "PageSize", "PageToken") and asked.has(one)
    }

    def uri(of: int, after: str = "") -> str:
        position = {"PageSize": str(size), "Page": str(of)} | ({"PageToken": f"PA{after}"} if after else {})
        return f"{path}?{urlencode(filters | position)}"

    has_more = begin + size < len(items)
    body = {
        name: [show(item) for item in chosen],
        "end": begin + len(chosen) - 1 if chosen else 0,
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, keys[begin + size - 1]) if has_more else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": uri(number - 1) if number else None,
        "start": begin,
        "uri": uri(number),
    }
    return Answer(200, body)


def is_within(asked: Asked, name: str, moment: datetime | None) -> bool:
    """Say whether a moment passes the filters `Name`, `Name<` and `Name>`: a day, or a moment."""
    for sign in ("", "<", ">"):
        if not asked.has(name + sign):
            continue
        if moment is None:
            return False
        begin, is_day = _moment(asked.get(name + sign), name + sign)
        value = moment.replace(hour=0, minute=0, second=0, microsecond=0) if is_day else moment
        if (sign == "" and value.date() != begin.date()) or (sign == "<" and value > begin):
            return False
        if sign == ">" and value < begin:
            return False
    return True


def _moment(text: str, name: str) -> tuple[datetime, bool]:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(20001, f"{name} is no moment") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)), len(text) == len("2026-01-02")


def collection(account_sid: str, *parts: str) -> str:
    """Return the address of a list."""
    return f"{API}/{account_sid}/{'/'.join(parts)}.json"
