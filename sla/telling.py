"""Tell what the time of a clock consists of, interval by interval, each with a sentence that says why. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from sla.agreement import always_open
from sla.courses import Course, Rest, Run
from sla.hours import BusinessHours, intervals
from sla.segments import DAY, NOTHING
from sla.words import Words

NOON_BREAKS = (
    time(11),
    time(14),
    time(15, 30),
)  # a midday break begins from the first to the second, ends by the third
MOST_NOTES = 6  # of an interval
NOTED_CHANGE = 8 * DAY  # in a longer interval the change of the clocks is told without its hour


class Kind(StrEnum):
    """Whether an interval counts."""

    COUNTED = "counted"
    CLOSED = "closed"
    PAUSED = "paused"


@dataclass(frozen=True)
class Piece:
    """One interval, half-open, UTC."""

    since: datetime
    until: datetime
    kind: Kind
    counted: timedelta
    why: str


@dataclass(frozen=True)
class Teller:
    """Tells one clock's course. `zone` is that in which times are told; `policies` are what they are called."""

    course: Course
    now: datetime
    zone: ZoneInfo
    words: Words
    policies: Mapping[int, str]

    def pieces(self) -> Iterator[Piece]:
        """Yield the intervals from the clock's start to its end, without gaps."""
        last: Run | None = None
        begun = NOTHING
        for span in self.course.spans(self.now):
            if isinstance(span, Rest):
                yield self._before(span) if self.course.before and last is None and not begun else self._rest(span)
                begun = self.course.before
                continue
            first = True
            for piece in self._run(span):
                changed = first and last is not None and last.policy_id != span.policy_id
                yield self._finished(self._noted(self._from_here(piece, span) if changed else piece))
                first = False
            last = span

    def _before(self, span: Rest) -> Piece:
        told = self._say("before", range=self._range(span.since, span.until))
        return Piece(span.since, span.until, Kind.COUNTED, self.course.before, told)

    def _rest(self, span: Rest) -> Piece:
        return Piece(span.since, span.until, Kind.PAUSED, NOTHING, self._say(span.reason, range=self._range_of(span)))

    def _run(self, run: Run) -> Iterator[Piece]:
        end = run.until or self.now
        for since, until, is_open in intervals(run.since, end, run.hours):
            if is_open:
                yield Piece(since, until, Kind.COUNTED, until - since, self._open(since, until, run.hours))
            else:
                yield from self._closed(since, until, run.hours, reopens=until < end)

    def _open(self, since: datetime, until: datetime, hours: BusinessHours) -> str:
        told = self._say("wall" if hours is always_open() else "open", range=self._range(since, until))
        day = since.astimezone(hours.time_zone).date()
        if hours.special(day):
            name = hours.name_of(day)
            told = self._say("other_hours" if name else "other_hours_unnamed", open=told, name=name)
        change = self._change_of_clocks(since, until)
        return f"{told}. {change}" if change else told

    def _closed(self, since: datetime, until: datetime, hours: BusinessHours, *, reopens: bool) -> Iterator[Piece]:
        """Yield the closed interval, cut where days begin and end that are closed for a reason of their own."""
        position = since
        for day, begin, end in _days_off(since, until, hours):
            if position < begin:
                yield self._shut(position, begin, self._say("closed", range=self._range(position, begin)))
            told, name = self.words.day(day, year=self._with_year), hours.name_of(day)
            why = self._say("holiday", name=name, day=told) if name else self._say("closed_day", day=told)
            yield self._shut(begin, end, why)
            position = end
        if position == since:
            yield self._shut(since, until, self._break(since, until, hours, reopens=reopens))
        elif position < until:
            yield self._shut(position, until, self._say("closed", range=self._range(position, until)))

    def _shut(self, since: datetime, until: datetime, why: str) -> Piece:
        return Piece(since, until, Kind.CLOSED, NOTHING, why)

    def _break(self, since: datetime, until: datetime, hours: BusinessHours, *, reopens: bool) -> str:
        begins, ends = since.astimezone(hours.time_zone), until.astimezone(hours.time_zone)
        if begins.date() != ends.date() or not _was_open_before(begins, hours):
            return self._say("closed", range=self._range(since, until))
        if not reopens and not _opens_after(ends, hours):
            return self._say("closed", range=self._range(since, until))
        first, last, over = NOON_BREAKS
        at_noon = first <= _closing(begins, hours) <= last and ends.time() <= over
        told = self._say("lunch" if at_noon else "break", day=self.words.day(self._local(since), year=self._with_year))
        return self._say("reopens", closed=told, time=self.words.clock(self._local(until))) if reopens else told

    def _change_of_clocks(self, since: datetime, until: datetime) -> str:
        before, after = (self._local(one).utcoffset() or NOTHING for one in (since, until))
        if before == after:
            return ""
        if until - since > NOTED_CHANGE:
            return self._say("changed", span=self.words.span(until - since))
        low, high = since, until
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if self._local(middle).utcoffset() == before else (low, middle)
        shown = (high.replace(microsecond=0) + before).replace(tzinfo=None)  # as the clock showed it at that moment
        forward = "forward" if after > before else "back"
        return self._say(forward, time=self.words.clock(shown), span=self.words.span(until - since))

    def _from_here(self, piece: Piece, run: Run) -> Piece:
        name = self.policies.get(run.policy_id or 0, "")
        told = self._say("from_here", policy=name, allowance=allowance_in_words(run.allowance, run.hours, self.words))
        return replace(piece, why=f"{piece.why}. {told}")

    def _noted(self, piece: Piece) -> Piece:
        """Add to an interval what happened in it without stopping the clock."""
        end = self.course.end(self.now)
        within = [
            (at, name)
            for at, name in self.course.notes
            if piece.since <= at < piece.until or (at == piece.until == end)
        ]
        told = [
            self._say(f"note_{name}", time=self.words.clock(self._local(at).replace(microsecond=0)))
            for at, name in within[:MOST_NOTES]
        ]
        return replace(piece, why=". ".join([piece.why, *told])) if told else piece

    def _finished(self, piece: Piece) -> Piece:
        """Add to the last interval what ended it."""
        if not self.course.ended_by or piece.until != self.course.end(self.now):
            return piece
        return replace(piece, why=f"{piece.why}. {self._say('then', done=ending(self.course, self.words))}")

    def _range_of(self, span: Rest) -> str:
        return self._range(span.since, span.until)

    def _range(self, since: datetime, until: datetime) -> str:
        if until == self.now and not self.course.clock.has_ended:
            return self.words.ongoing(self._local(since), year=self._with_year)
        return self.words.range(self._local(since), self._local(until), year=self._with_year)

    @property
    def _with_year(self) -> bool:
        return self._local(self.course.clock.started_at).year != self._local(self.course.end(self.now)).year

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def _say(self, name: str, /, **values: str) -> str:
        return self.words.say(name, **values)

    def taken_together(self, pieces: Iterable[Piece], most: int) -> list[Piece]:
        """Return at most so many pieces: of more, those in the middle become one, which counts what they count."""
        source = iter(pieces)
        first = list(islice(source, most // 2))
        last: deque[Piece] = deque()
        middle: Piece | None = None
        count = 0
        for piece in source:
            last.append(piece)
            if len(last) == most - most // 2:
                left = last.popleft()
                count += 1
                middle = left if middle is None else _sum(middle, left)
        if middle is not None and count > 1:
            told = self._say("together", count=str(count), range=self._range(middle.since, middle.until))
            middle = replace(middle, why=told)
        return [*first, *([middle] if middle else []), *last]


def allowance_in_words(allowance: timedelta, hours: BusinessHours, words: Words) -> str:
    """Return "4 hours of opening time", or "4 hours" by the clock on the wall."""
    told = words.span(allowance)
    return told if hours is always_open() else words.say("working_time", span=told)


def ending(course: Course, words: Words) -> str:
    """Return what ended a clock."""
    name = f"done_{course.ended_by}"
    return words.say(name if name in words.sentences.sentences else "done")


def _sum(one: Piece, other: Piece) -> Piece:
    counted = one.counted + other.counted
    kind = Kind.COUNTED if counted else one.kind
    return Piece(one.since, other.until, kind, counted, "")


def _days_off(since: datetime, until: datetime, hours: BusinessHours) -> Iterator[tuple[date, datetime, datetime]]:
    """Yield the dates on which the desk stays closed by an exception, and what of them lies in the interval."""
    day = since.astimezone(hours.time_zone).date()
    last = (until - timedelta(microseconds=1)).astimezone(hours.time_zone).date()
    while day <= last:
        if hours.special(day) == () and (hours.weekly[day.weekday()] or hours.name_of(day)):
            yield day, max(since, _midnight(day, hours)), min(until, _midnight(day + DAY, hours))
        day += DAY


def _midnight(day: date, hours: BusinessHours) -> datetime:
    return datetime.combine(day, time.min, hours.time_zone).astimezone(UTC)


def _seconds(moment: datetime) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _was_open_before(moment: datetime, hours: BusinessHours) -> bool:
    return any(closing <= _seconds(moment) for _, closing in hours.spans_of(moment.date()))


def _opens_after(moment: datetime, hours: BusinessHours) -> bool:
    return any(opening >= _seconds(moment) for opening, _ in hours.spans_of(moment.date()))


def _closing(moment: datetime, hours: BusinessHours) -> time:
    last = max(closing for _, closing in hours.spans_of(moment.date()) if closing <= _seconds(moment))
    return time(last // 3600 % 24, last // 60 % 60)
