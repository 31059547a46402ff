"""Draw how many promises were kept: a bar for each day, week or month."""

from collections.abc import Iterator
from datetime import date, timedelta

from api.pictures.drawing import WIDTH, Drawing
from api.pictures.labels import time_of
from api.pictures.words import day, number, percent, word
from sla.reports.attainment import Attainment, Count
from sla.reports.local_time import month_of
from sla.reports.question import Dimension, Question

LEFT, RIGHT, TOP, TALL = 64, 24, 108, 230
BOTTOM = TOP + TALL
VOLUME, LOW = BOTTOM + 92, 52  # how many there were: the feet of its bars, and how high they are at most
HEIGHT = VOLUME + 20
MOST_LABELS = 16
ROOM_FOR_SHARES, ROOM_FOR_COUNTS = 40, 26  # pixels a bar


def draw_attainment(report: Attainment, language: str) -> str:
    """Return the picture of a report by day, week or month."""
    total = report.total
    summary = _kept(total, language)
    if total.running:
        summary += f", {word('running', language, running=number(total.running, language))}"
    title, about = word("attainment", language), time_of(report.question, language)
    drawing = Drawing(title, f"{about} — {summary}" if total.clocks else about, language)
    if not total.clocks:
        drawing.text(WIDTH / 2, 150, word("nothing", language), "soft middle")
        return drawing.finished(200, word("nothing", language))
    _draw_scale(drawing, language)
    told = _draw_bars(drawing, report, language)
    return drawing.finished(HEIGHT, f"{about}. {summary}. {'; '.join(told)}.")


def _kept(count: Count, language: str) -> str:
    share = percent(count.share_kept, language)
    return word(
        "kept_of", language, met=number(count.met, language), clocks=number(count.clocks, language), share=share
    )


def _draw_scale(drawing: Drawing, language: str) -> None:
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = BOTTOM - TALL * share
        drawing.line([(LEFT, y), (WIDTH - RIGHT, y)], "line")
        drawing.text(LEFT - 8, y + 4, percent(share, language), "soft small end")
    for x, name, classes in ((LEFT, "kept", "good"), (LEFT + 120, "breached", "bad"), (LEFT + 260, "clocks", "volume")):
        drawing.box(x, 76, 12, 12, classes)
        drawing.text(x + 18, 86, word(name, language), "small")


def _draw_bars(drawing: Drawing, report: Attainment, language: str) -> list[str]:
    """Draw all bars; return what each of them says."""
    counts = {row.group.period: row.count for row in report.rows if row.group.period}
    periods, most = list(_periods(report.question)), max(one.clocks for one in counts.values())
    room = (WIDTH - LEFT - RIGHT) / len(periods)
    width = max(1.0, room * 0.72)
    every = -(-len(periods) // MOST_LABELS)
    told = []
    for place, period in enumerate(periods):
        middle = LEFT + room * (place + 0.5)
        if place % every == 0:
            drawing.text(middle, BOTTOM + 20, day(period, language), "soft small middle")
        count = counts.get(period)
        if count is None:
            continue
        tip = word("says", language, name=day(period, language, year=True), said=_kept(count, language))
        told.append(tip)
        _draw_bar(drawing, count, (middle, width, room), tip, language)
        low = LOW * count.clocks / most
        drawing.box(middle - width / 2, VOLUME - low, width, low, "volume", tip=tip)
    drawing.line([(LEFT, VOLUME), (WIDTH - RIGHT, VOLUME)], "line")
    drawing.text(LEFT - 8, VOLUME - LOW + 10, number(most, language), "soft small end")
    return told


def _draw_bar(drawing: Drawing, count: Count, place: tuple[float, float, float], tip: str, language: str) -> None:
    middle, width, room = place
    good = TALL * (count.share_kept or 0)
    drawing.box(middle - width / 2, BOTTOM - good, width, good, "good", tip=tip)
    drawing.box(middle - width / 2, TOP, width, TALL - good, "bad", tip=tip)
    if room >= ROOM_FOR_SHARES:
        drawing.text(middle, TOP - 6, percent(count.share_kept, language), "small middle")
    if room >= ROOM_FOR_COUNTS:
        drawing.text(middle, VOLUME + 14, number(count.clocks, language), "soft small middle")


def _periods(question: Question) -> Iterator[date]:
    """Yield the first days of all days, weeks or months of the question, also of those in which nothing was."""
    first = question.since.astimezone(question.zone).date()
    end = (question.until - timedelta(microseconds=1)).astimezone(question.zone).date()
    if Dimension.MONTH in question.by:
        months = range(first.year * 12 + first.month - 1, end.year * 12 + end.month)
        yield from map(month_of, months)
        return
    step = timedelta(days=7 if Dimension.WEEK in question.by else 1)
    one = first - timedelta(days=first.weekday()) if Dimension.WEEK in question.by else first
    while one <= end:
        yield one
        one += step
