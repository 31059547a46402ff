"""Make of what holidays, files and feeds say the days that a calendar imports. Pure.

A stored definition keeps under `sources` what each file or feed says, by date:

    {"ical:Works": {"2026-07-03": {"name": "Works", "closed": [["14:00", "17:00"]]}, "2026-07-06": {"name": "Works"}}}

without `closed`, the whole date. Under `imported` it has what follows from all of them for its own hours; that is what
working time is reckoned with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sla.definition import MIDNIGHT, Span, Spans, read_span, written
from sla.hours import BusinessHours
from sla.ical import WHOLE_DAY, Closed, joined

DAY = timedelta(days=1)

Said = Mapping[str, Mapping[date, Closed]]  # by source


@dataclass(frozen=True)
class _Imported:
    closed: Closed
    source: str

    @property
    def is_whole(self) -> bool:
        return self.closed.parts == (WHOLE_DAY,)


def kept(days: Mapping[date, Closed]) -> dict[str, Any]:
    """Return what one source says as it is stored."""
    return {str(day): _kept(closed) for day, closed in sorted(days.items())}


def said_by(sources: Mapping[str, Any]) -> dict[str, dict[date, Closed]]:
    """Return what is stored of every source."""
    return {
        source: {date.fromisoformat(day): _read(words) for day, words in days.items()}
        for source, days in sources.items()
    }


def imported(said: Said, hours: BusinessHours) -> dict[str, Any]:
    """Return the days that a calendar imports, in the words of its definition; `hours` are its own, without them."""
    days = _together(said)
    found = dict[str, Any]()
    for day in _with_nights(days, hours):
        one = days.get(day) or _Imported(Closed(()), days[day - DAY].source)
        spans = () if one.is_whole else _left(_base(day, hours, days), one.closed.parts)
        found[str(day)] = {
            "spans": [[written(opening), written(closing)] for opening, closing in spans],
            "name": one.closed.name,
            "source": one.source,
        }
    return found


def _together(said: Said) -> dict[date, _Imported]:
    """Return what is closed on each date when all have spoken, in the order of their names."""
    found = dict[date, _Imported]()
    for source in sorted(said):
        for day, closed in said[source].items():
            before = found.get(day)
            both = joined(before.closed if before else None, closed)
            is_named_by_it = before is None or (both.name != before.closed.name)
            found[day] = _Imported(both, source if is_named_by_it or before is None else before.source)
    return found


def _with_nights(days: Mapping[date, _Imported], hours: BusinessHours) -> list[date]:
    """Return the dates in order, with those into which the night of a date runs that is closed in part.

    A date that is imported cuts off what runs into it, so what is left of such a night is written out on the next one.
    """
    nights = {
        day + DAY
        for day, one in days.items()
        if not one.is_whole and any(closing > MIDNIGHT for _, closing in hours.spans_of(day))
    }
    return sorted({*days, *nights})


def _base(day: date, hours: BusinessHours, days: Mapping[date, _Imported]) -> list[Span]:
    """Return when a date is open by itself, with what still runs from the night before."""
    before = day - DAY
    is_cut = hours.special(day) is not None or (before in days and days[before].is_whole)
    nights = [] if is_cut else hours.spans_of(before)
    tails = [(0, closing - MIDNIGHT) for _, closing in nights if closing > MIDNIGHT]
    base = list[Span]()
    for opening, closing in sorted((*tails, *hours.spans_of(day))):
        if base and opening <= base[-1][1]:
            base[-1] = (base[-1][0], max(closing, base[-1][1]))
        else:
            base.append((opening, closing))
    return base


def _left(base: Sequence[Span], closed: Sequence[Span]) -> Spans:
    """Return what is open when some of it is closed. What begins after midnight is the next date's."""
    left = list(base)
    for start, end in closed:
        halves = [((opening, min(closing, start)), (max(opening, end), closing)) for opening, closing in left]
        left = [(opening, closing) for pair in halves for opening, closing in pair if opening < closing]
    return tuple(
        (opening, closing if closing - opening < MIDNIGHT else MIDNIGHT)
        for opening, closing in left
        if opening < MIDNIGHT
    )


def _kept(closed: Closed) -> dict[str, Any]:
    if closed.parts == (WHOLE_DAY,):
        return {"name": closed.name}
    return {"name": closed.name, "closed": [[written(start), written(end)] for start, end in closed.parts]}


def _read(words: Mapping[str, Any]) -> Closed:
    parts = tuple(read_span("closed", one) for one in words.get("closed", ()))
    return Closed(parts or (WHOLE_DAY,), words["name"])
