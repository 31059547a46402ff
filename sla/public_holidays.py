"""The public holidays of countries and regions, from the package `holidays`.

They are asked for once, when a version of a calendar is made, and written into it: what counts as a holiday changes
with the package's version, and no verdict may. See docs/decisions/0010-holidays-are-written-into-a-version.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import holidays
from holidays.registry import COUNTRIES

from sla.definition import LONGEST_NAME
from sla.errors import InvalidCalendar

YEARS_BACK, YEARS_AHEAD = 10, 5

_NAMES = {str(entry[1]): words.replace("_", " ").title() for words, entry in COUNTRIES.items()}  # by ISO 3166-1


@dataclass(frozen=True)
class Choice:
    """Whose holidays: `{"country": "CA", "subdivision": "QC", "language": "fr"}`, the last two being optional."""

    country: str
    subdivision: str | None = None  # None: what the whole country keeps
    language: str | None = None  # of the names; None: the country's own

    @classmethod
    def read(cls, words: Any) -> Self:
        """Return a choice that there are holidays for. Raises InvalidCalendar."""
        if not isinstance(words, Mapping) or set(words) - {"country", "subdivision", "language"}:
            raise InvalidCalendar('holidays are chosen as {"country": "CA", "subdivision": "QC", "language": "fr"}')
        chosen = cls(*(_text(words, name) for name in ("country", "subdivision", "language")))  # type: ignore[arg-type]
        known = region_of(chosen.country)
        if chosen.subdivision is not None and chosen.subdivision not in known.subdivisions:
            there = f"; there are {', '.join(known.subdivisions)}" if known.subdivisions else ""
            raise InvalidCalendar(f"{chosen.country} has no subdivision {chosen.subdivision!r}{there}")
        if chosen.language is not None and chosen.language not in known.languages:
            raise InvalidCalendar(
                f"the holidays of {chosen.country} have no names in {chosen.language!r}; they have some in {_in(known)}"
            )
        return chosen

    @property
    def source(self) -> str:
        """The words by which a calendar says where a day comes from: holidays:CA-QC."""
        return "holidays:" + "-".join(filter(None, (self.country, self.subdivision)))

    def words(self) -> dict[str, str]:
        """Return the choice as it is written."""
        named = {"country": self.country, "subdivision": self.subdivision, "language": self.language}
        return {name: value for name, value in named.items() if value is not None}

    def days(self, years: Iterable[int]) -> dict[date, str]:
        """Return the public holidays of some years with their names, in order."""
        found = holidays.country_holidays(
            self.country, subdiv=self.subdivision, years=list(years), language=self.language, expand=False
        )
        return {day: name[:LONGEST_NAME] for day, name in sorted(found.items())}


@dataclass(frozen=True)
class Region:
    """A country: its regions by code with the names that they go by, and the languages of its holidays' names."""

    country: str
    name: str
    subdivisions: Mapping[str, list[str]]
    languages: tuple[str, ...]


def countries() -> dict[str, str]:
    """Return the names of the countries whose holidays are known, by ISO 3166-1 code."""
    return dict(sorted(_NAMES.items()))


def region_of(country: str) -> Region:
    """Return what may be chosen in a country. Raises InvalidCalendar."""
    if country not in _NAMES:
        raise InvalidCalendar(f"no holidays are known of {country!r}; write a country's two letters, such as CA")
    known = holidays.country_holidays(country)
    names: dict[str, list[str]] = {code: [] for code in known.subdivisions}
    for name, code in known.subdivisions_aliases.items():
        names[code].append(name)
    return Region(country, _NAMES[country], names, tuple(known.supported_languages))


def years_around(year: int) -> range:
    """Return the years for which a calendar that is made in this one knows its holidays."""
    return range(year - YEARS_BACK, year + YEARS_AHEAD + 1)


def days_around(year: int) -> tuple[date, date]:
    """Return the first and the last day of these years."""
    years = years_around(year)
    return date(years[0], 1, 1), date(years[-1], 12, 31)


def _text(words: Mapping[str, Any], name: str) -> str | None:
    value = words.get(name)
    if not (isinstance(value, str) or (value is None and name != "country")):
        raise InvalidCalendar(f"the {name} of holidays is a text, not {value!r}")
    return value


def _in(known: Region) -> str:
    return ", ".join(known.languages) or "none"
