"""Draw how long people waited: for each row the percentiles on a scale of time, in working time and on the wall."""

from math import log

from api.pictures.drawing import WIDTH, Drawing, shortened
from api.pictures.labels import name_of, time_of
from api.pictures.words import number, span, word
from sla.reports.waits import PERCENTILES, Row, Spread, Waits

LEFT, RIGHT, TOP, ROW = 220, 40, 124, 66
LONGEST_NAME = 100
MOST_ROWS = 20
TICKS = (1, 10, 60, 600, 3600, 4 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)


class Scale:
    """Where a span of time stands: a step to the right is so many times as long."""

    def __init__(self, shortest: int, longest: int) -> None:
        self.begin = max((tick for tick in TICKS if tick <= shortest), default=TICKS[0])
        self.end = next((tick for tick in TICKS if tick >= longest and tick > self.begin), longest)

    @property
    def ticks(self) -> list[int]:
        return [tick for tick in TICKS if self.begin <= tick <= self.end]

    def x(self, seconds: int) -> float:
        """Return where it stands; a second and less stand at the left end."""
        share = log(max(seconds, self.begin) / self.begin) / log(self.end / self.begin)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(share, 1), 1)


def draw_waits(report: Waits, language: str) -> str:
    """Return the picture of a report; of very many rows only the first."""
    about = time_of(report.question, language)
    drawing = Drawing(word("waits", language), about, language)
    shown = report.rows[:MOST_ROWS]
    if not shown:
        drawing.text(WIDTH / 2, 150, word("nothing", language), "soft middle")
        return drawing.finished(200, word("nothing", language))
    every = [spread for row in shown for spread in (row.counted, row.wall)]
    scale = Scale(min(one.p50 for one in every), max(one.max for one in every))
    bottom = TOP + ROW * len(shown)
    _draw_scale(drawing, scale, bottom, language)
    told = []
    for place, row in enumerate(shown):
        told += _draw_row(
            drawing, scale, TOP + ROW * place, row, name_of(row.group, report.question, language), language
        )
    left_out = len(report.rows) - len(shown)
    if left_out:
        drawing.text(24, bottom + 40, word("more", language, more=number(left_out, language)), "soft small")
    return drawing.finished(bottom + (60 if left_out else 40), f"{about}. {' '.join(told)}")


def _draw_scale(drawing: Drawing, scale: Scale, bottom: float, language: str) -> None:
    for tick in scale.ticks:
        drawing.line([(scale.x(tick), TOP - 10), (scale.x(tick), bottom)], "line")
        drawing.text(scale.x(tick), bottom + 16, span(tick, language), "soft small middle")
    drawing.dot(LEFT + 6, 84, 5, "good")
    drawing.text(LEFT + 18, 88, word("working", language), "small")
    drawing.dot(LEFT + 156, 84, 4, "hollow")
    drawing.text(LEFT + 168, 88, word("wall", language), "small")
    names = ", ".join(f"{share} %" for share in PERCENTILES)
    drawing.text(WIDTH - RIGHT, 88, f"• {names}, {word('longest', language)}", "soft small end")


def _draw_row(drawing: Drawing, scale: Scale, top: float, row: Row, name: str, language: str) -> list[str]:
    """Draw the two lines of a row; return what they say."""
    drawing.text(24, top + 12, shortened(name, LONGEST_NAME), "strong")
    answered = word("answered", language, answered=number(row.answered, language))
    within = word("most", language, span=span(row.counted.p95, language))
    drawing.text(24, top + 34, f"{answered}, {within}", "soft small")
    told = [f"{name} ({answered})"]
    for measure, spread, y, classes in (
        ("working", row.counted, top + 28, "good"),
        ("wall", row.wall, top + 44, "hollow"),
    ):
        points = _points(spread, language)
        drawing.line([(scale.x(points[0][0]), y), (scale.x(points[-1][0]), y)], f"{LINES[classes]}", width=3)
        for seconds, said in points:
            drawing.dot(scale.x(seconds), y, 5 if classes == "good" else 4, classes, tip=said)
        every = ", ".join(said for _, said in points)
        told.append(f"{word('says', language, name=word(measure, language), said=every)}.")
    return told


LINES = {"good": "good-line", "hollow": "bad-line"}


def _points(spread: Spread, language: str) -> list[tuple[int, str]]:
    found = [(getattr(spread, f"p{share}"), f"{share} %") for share in PERCENTILES]
    found.append((spread.max, word("longest", language)))
    return [(seconds, word("says", language, name=name, said=span(seconds, language))) for seconds, name in found]
