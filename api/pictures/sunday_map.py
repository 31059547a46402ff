"""Draw when customers come: a week of 7 by 24 hours, the darker the more, with the opening hours outlined."""

from math import sqrt

from api.pictures.drawing import WIDTH, Drawing
from api.pictures.labels import time_of
from api.pictures.words import hours, number, percent, word
from sla.definition import DAYS
from sla.reports.sunday_map import Cell, SundayMap

LEFT, TOP, WIDE, HIGH = 108, 112, 34, 30
RIGHT, BOTTOM = LEFT + 24 * WIDE, TOP + 7 * HIGH
FAINTEST = 0.12
INK_ON = 0.55  # from this strength on, numbers are light


def words_of(cell: Cell, language: str) -> str:
    """Return what an hour of the week says: `Sunday 14–15: 41 contacts, closed`."""
    name = "one_contact" if cell.contacts == 1 else "contacts"
    said = word(name, language, contacts=number(cell.contacts, language))
    said = f"{said}, {_state(cell, language)}".removesuffix(", ")
    return word("says", language, name=_hour(cell, language), said=said)


def draw_sunday_map(report: SundayMap, language: str) -> str:
    """Return the picture of the report."""
    about = time_of(report.question, language)
    summary = _summary(report, language)
    nothing = not report.contacts
    drawing = Drawing(word("sunday_map", language), about if nothing else f"{about} — {summary}", language)
    most = max(cell.contacts for cell in report.cells)
    for place, cell in enumerate(report.cells):
        _draw_cell(drawing, cell, place, most, language)
    _draw_edges(drawing, report)
    _draw_names(drawing, most, language)
    if nothing:
        drawing.text(WIDTH / 2, BOTTOM + 62, word("nothing", language), "soft middle")
        return drawing.finished(BOTTOM + 90, word("nothing", language))
    worst = [words_of(one, language) for one in report.worst]
    heading = word("worst" if worst else "none_outside", language)
    drawing.text(LEFT, BOTTOM + 66, heading, "strong")
    for place, said in enumerate(worst):
        drawing.text(LEFT + place // 5 * 410, BOTTOM + 90 + place % 5 * 20, said)
    height = BOTTOM + 90 + 20 * min(5, len(worst))
    return drawing.finished(height, f"{about}. {summary}. {heading}{': ' if worst else ''}{'; '.join(worst)}.")


def _hour(cell: Cell, language: str) -> str:
    return f"{word(cell.weekday, language)} {hours(cell.hour, language)}".capitalize()


def _state(cell: Cell, language: str) -> str:
    if cell.outside and cell.outside < cell.contacts:
        return word("partly", language, outside=number(cell.outside, language))
    if cell.outside:
        return word("closed", language)
    if cell.open_share is None:
        return ""
    return word("open" if cell.is_open else "closed", language)


def _summary(report: SundayMap, language: str) -> str:
    contacts = number(report.contacts, language)
    if report.outside_share is None:
        return word("contacts", language, contacts=contacts)
    share = percent(report.outside_share, language)
    return word("outside", language, contacts=contacts, outside=number(report.outside, language), share=share)


def _draw_cell(drawing: Drawing, cell: Cell, place: int, most: int, language: str) -> None:
    x, y = LEFT + place % 24 * WIDE, TOP + place // 24 * HIGH
    box = (x + 1, y + 1, WIDE - 2, HIGH - 2)
    tip = words_of(cell, language)
    if not cell.contacts:
        drawing.box(*box, "empty", tip=tip)
        return
    strength = FAINTEST + (1 - FAINTEST) * sqrt(cell.contacts / most)
    drawing.box(*box, "heat", tip=tip, opacity=strength)
    said = str(cell.contacts) if cell.contacts < 10_000 else f"{cell.contacts // 1000}k"
    drawing.text(x + WIDE / 2, y + 19, said, f"small middle{' on-heat' if strength >= INK_ON else ''}")


def _draw_edges(drawing: Drawing, report: SundayMap) -> None:
    """Draw a line wherever an hour in which the desk is open stands beside one in which it is not."""
    is_open = {(place // 24, place % 24): cell.is_open for place, cell in enumerate(report.cells)}
    for (day, hour), here in is_open.items():
        if not here:
            continue
        x, y = LEFT + hour * WIDE, TOP + day * HIGH
        for beside, line in (
            ((day, hour - 1), [(x, y), (x, y + HIGH)]),
            ((day, hour + 1), [(x + WIDE, y), (x + WIDE, y + HIGH)]),
            ((day - 1, hour), [(x, y), (x + WIDE, y)]),
            ((day + 1, hour), [(x, y + HIGH), (x + WIDE, y + HIGH)]),
        ):
            if not is_open.get(beside):
                drawing.line(line, "open", width=2.5)


def _draw_names(drawing: Drawing, most: int, language: str) -> None:
    for number_, name in enumerate(DAYS):
        drawing.text(LEFT - 10, TOP + number_ * HIGH + 20, word(name, language).capitalize(), "end")
    for hour in range(25):
        if hour % 3 == 0:
            drawing.text(LEFT + hour * WIDE, TOP - 8, str(hour), "soft small middle")
    y = BOTTOM + 16
    drawing.line([(LEFT, y), (LEFT + 22, y), (LEFT + 22, y + 14), (LEFT, y + 14), (LEFT, y)], "open", width=2.5)
    drawing.text(LEFT + 32, y + 12, word("hours", language), "soft small")
    if not most:
        return
    drawing.text(LEFT + 440, y + 12, word("per_hour", language), "soft small end")
    for place, share in enumerate((0.0, 0.1, 0.25, 0.5, 1.0)):
        shown = round(most * share)
        classes = "heat" if shown else "empty"
        strength = FAINTEST + (1 - FAINTEST) * sqrt(share) if shown else 1
        drawing.box(LEFT + 450 + place * 62, y, 18, 14, classes, opacity=strength)
        drawing.text(LEFT + 473 + place * 62, y + 12, number(shown, language), "soft small")
