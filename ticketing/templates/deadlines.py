"""Say by when, as people write it in their language: "by Monday 23 November, 10:00"."""

import tomllib
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


class _Words(NamedTuple):
    """How a language says it; `first` is the first of a month, where that has a form of its own."""

    days: list[str]
    months: list[str]
    by: str
    time: str
    first: str = ""
    zone: str = " ({zone})"


def by_when(moment: datetime, language: str, zone: str, *, name_zone: bool = False) -> str:
    """Return the moment as a reader of `language` in the IANA zone `zone` says it, never later than it is.

    `name_zone` says which zone is meant, for a reader who may live in another. "" in a language that we do not speak:
    then nothing can be said, and a text says its default.
    """
    words = _words().get(language.partition("-")[0].lower())
    if words is None:
        return ""
    local = moment.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0)
    if (local.hour, local.minute) == (0, 0):  # of which day midnight is, readers are not of one mind
        local -= MINUTE
    time = words.time.format(h=local.hour, hh=f"{local.hour:02}", mm=f"{local.minute:02}")
    date = words.first if local.day == 1 and words.first else str(local.day)
    said = words.by.format(day=words.days[local.weekday()], date=date, month=words.months[local.month - 1], time=time)
    return said + words.zone.format(zone=zone) if name_zone else said


@cache
def _words() -> dict[str, _Words]:
    file = resources.files("ticketing") / "templates" / "dates.toml"
    entries: dict[str, dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return {language: _Words(**entry) for language, entry in entries.items()}
