"""When a customer may be called back: what is proposed to them by keys. Pure; who knows calendars tells the hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from channels.phone.phrases import Phrases, when_told

SOONEST = timedelta(hours=1)  # from now: whoever wants to be called sooner takes their turn
LONGEST = timedelta(hours=2)  # of a window today
MORNING = timedelta(hours=3)
NOON = time(12)

Span = tuple[datetime, datetime]


class SlotKind(StrEnum):
    """What a window is called."""

    NOW = "now"  # as soon as it is their turn
    TODAY = "today"
    MORNING = "morning"  # of the next day on which we are open


@dataclass(frozen=True)
class Slot:
    """A window in which to call; `not_after` is what is promised, None: nothing but the place in the line."""

    kind: SlotKind
    not_before: datetime
    not_after: datetime | None = None


def propose(spans: Sequence[Span], zone: ZoneInfo, *, now: datetime) -> list[Slot]:
    """Return what is proposed, at most three windows; `spans` are those in which we call, from now on, in order.

    As soon as it is their turn, while we call; a window later today, of at most two hours; the next day's morning.
    """
    found = [Slot(SlotKind.NOW, now)] if any(since <= now < until for since, until in spans) else []
    today = now.astimezone(zone).date()
    later = _later(spans, zone, after=_full_hour(now + SOONEST, zone), day=today)
    if later is not None:
        found.append(Slot(SlotKind.TODAY, *later))
    other = next((one for one in spans if one[0].astimezone(zone).date() > today), None)
    if other is not None:
        found.append(Slot(SlotKind.MORNING, other[0], _end_of_morning(other, zone)))
    return found


def told(slot: Slot, phrases: Phrases, zone: ZoneInfo, *, now: datetime) -> str:
    """Return a window as it is said: "as soon as it is your turn", "today between 14:00 and 16:00"."""
    if slot.not_after is None:
        return phrases.callback_now
    since = when_told(slot.not_before, now=now, zone=zone.key, phrases=phrases)
    ends = slot.not_after.astimezone(zone)
    form = phrases.time if ends.minute else phrases.full_hour
    return phrases.callback_window.format(since=since, until=form.format(h=ends.hour, mm=f"{ends.minute:02}"))


def _later(spans: Sequence[Span], zone: ZoneInfo, *, after: datetime, day: object) -> Span | None:
    for since, until in spans:
        begin = max(since, after)
        if begin.astimezone(zone).date() == day and until - begin >= SOONEST:
            return begin, min(until, begin + LONGEST)
    return None


def _end_of_morning(span: Span, zone: ZoneInfo) -> datetime:
    since, until = span
    noon = datetime.combine(since.astimezone(zone).date(), NOON, zone)
    longest = min(until, since + MORNING)
    return min(longest, noon.astimezone(since.tzinfo)) if noon > since else longest


def _full_hour(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    cut = local.replace(minute=0, second=0, microsecond=0)
    whole = cut if cut == local else cut + timedelta(hours=1)
    return whole.astimezone(moment.tzinfo)
