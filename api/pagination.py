"""Pages of a list: `{"items": […], "next": cursor}` by `?limit=` and `?after=`. A cursor is a position, no secret."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from marshmallow.fields import Integer, String
from marshmallow.validate import Length, Range

from api.parsing import MAX_ID
from api.schemas.asked import Asked
from ticketing.errors import InvalidInput
from ticketing.queries import Sort

MOST = 200
USUAL = 50
LONGEST_CURSOR = 400  # a tag of 60 characters may be in it

Position = tuple[datetime, int]


@dataclass(frozen=True)
class Listed:
    """One page, as its schema answers it."""

    items: Sequence[Any]
    next: str | None = None


class PageQuery(Asked):
    """Which page of a list."""

    limit = Integer(
        load_default=USUAL, strict=False, validate=Range(1, MOST), metadata={"description": "How many at most."}
    )
    after = String(
        load_default="",
        validate=Length(max=LONGEST_CURSOR),
        metadata={"description": "The `next` of the page before; without it, the first page."},
    )


def page_by_id(rows: Sequence[Any], limit: int) -> Listed:
    """Return a page of rows in the order of their ids; the caller has fetched one more than `limit`, if there is."""
    shown = rows[:limit]
    return Listed(shown, write_cursor(["id", shown[-1].id]) if len(rows) > limit else None)


def id_after(cursor: str) -> int:
    """Return the id behind which a page starts. Raises InvalidInput."""
    if not cursor:
        return 0
    match _read_cursor(cursor):
        case ["id", int(row_id)] if 0 <= row_id <= MAX_ID:
            return row_id
    raise _unknown()


def position_after(cursor: str, sort: Sort) -> Position | None:
    """Return the position behind which a page of tickets starts; None: at the start. Raises InvalidInput."""
    if not cursor:
        return None
    match _read_cursor(cursor):
        case [str(name), str(moment), int(row_id)] if name == sort and 0 <= row_id <= MAX_ID:
            return _moment(moment), row_id
        case [str(name), str(_), int(_)] if name in set(Sort):
            raise InvalidInput(f"this cursor belongs to a list with sort={name}; ask for the first page of this one")
    raise _unknown()


def cursor_at(position: Position | None, sort: Sort) -> str | None:
    """Return the cursor of a position in a list of tickets; None: nothing comes behind it."""
    if position is None:
        return None
    moment, row_id = position
    return write_cursor([sort.value, moment.astimezone(UTC).isoformat(), row_id])


def hit_after(cursor: str) -> tuple[float, int] | None:
    """Return the position behind which a page of hits starts; None: at the start. Raises InvalidInput."""
    if not cursor:
        return None
    match _read_cursor(cursor):
        case ["hit", float(rank), int(row_id)] if 0 <= row_id <= MAX_ID:
            return rank, row_id
    raise _unknown()


def cursor_behind_hit(position: tuple[float, int] | None) -> str | None:
    """Return the cursor of a position in a list of hits; None: nothing comes behind it."""
    return None if position is None else write_cursor(["hit", *position])


def time_after(cursor: str) -> Position | None:
    """Return the position behind which a page in the order of time starts; None: at the start. Raises InvalidInput."""
    if not cursor:
        return None
    match _read_cursor(cursor):
        case ["time", str(moment), int(row_id)] if 0 <= row_id <= MAX_ID:
            return _moment(moment), row_id
    raise _unknown()


def time_cursor(moment: datetime, row_id: int) -> str:
    """Return the cursor of a position in the order of time."""
    return write_cursor(["time", moment.astimezone(UTC).isoformat(), row_id])


def place_after(cursor: str) -> tuple[int, int] | None:
    """Return the position and the id behind which a page of an ordered list starts; None: at the start. Raises
    InvalidInput.
    """
    if not cursor:
        return None
    match _read_cursor(cursor):
        case ["place", int(position), int(row_id)] if abs(position) <= MAX_ID and 0 <= row_id <= MAX_ID:
            return position, row_id
    raise _unknown()


def number_after(cursor: str) -> int:
    """Return the number behind which a page of numbered things starts; 0: at the start. Raises InvalidInput."""
    if not cursor:
        return 0
    match _read_cursor(cursor):
        case ["number", int(number)] if 0 <= number <= MAX_ID:
            return number
    raise _unknown()


def name_after(cursor: str) -> str:
    """Return the name behind which a page starts; "": at the start. Raises InvalidInput."""
    if not cursor:
        return ""
    match _read_cursor(cursor):
        case ["name", str(name)] if "\0" not in name:
            return name
    raise _unknown()


def page_by_name(rows: Sequence[Any], limit: int) -> Listed:
    """Return a page of rows in the order of their names; the caller has fetched one more than `limit`, if there is."""
    shown = rows[:limit]
    return Listed(shown, write_cursor(["name", shown[-1].name]) if len(rows) > limit else None)


def write_cursor(parts: list[str | int | float]) -> str:
    """Return a position in the form that clients hand back."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode("ascii").rstrip("=")


def _read_cursor(cursor: str) -> Any:
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise _unknown() from None
    if not isinstance(found, list) or any(isinstance(one, bool) for one in found):  # which Python takes for a number
        raise _unknown()
    return found


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _unknown() from None


def _unknown() -> InvalidInput:
    return InvalidInput("this cursor is none of ours; take `next` of the page before, or start without `after`")
