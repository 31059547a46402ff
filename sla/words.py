"""The words in which a clock is explained, English and French: sentences by name, and how each language tells times.

Pure. A sentence with a `{time}` is filled in by `sla.explanation`; times come in the zone in which they are to be told.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sla.sentences import ENGLISH, FRENCH, Sentences

MIDNIGHT = (0, 0, 0)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NARROW = "\u202f"  # the narrow no-break space before French ; : ? ! and inside « »
NO_BREAK = "\u00a0"
_BEFORE_MARK = re.compile(r" ([;:?!»])")
_ELIDED = re.compile(r"\bde (?=[AEIOUÉH])")
_BEFORE_UNIT = re.compile(r"(\d) (h\b|min\b|s\b)")


class Language(StrEnum):
    """The languages that there are."""

    ENGLISH = "en"
    FRENCH = "fr"


@dataclass(frozen=True)
class Words:
    """What all languages have in common."""

    sentences: Sentences

    def say(self, name: str, /, **values: str | int) -> str:
        """Return a sentence with its gaps filled."""
        return self.sentences.sentences[name].format(**values)

    def value(self, name: str) -> str:
        """Return how a channel, a priority or the like is called."""
        return self.sentences.values.get(name, name)

    def quoted(self, name: str) -> str:
        return f"“{name}”"

    def either(self, values: Sequence[str]) -> str:
        """Return "one, two or three"."""
        return self._joined(values, self.sentences.sentences["or"])

    def both(self, values: Sequence[str]) -> str:
        """Return "one, two and three"."""
        return self._joined(values, self.sentences.sentences["and"])

    def span(self, length: timedelta) -> str:
        """Return "2 hours 5 minutes", whole seconds."""
        return self._counted((length // HOUR, length % HOUR // MINUTE, length % MINUTE // SECOND), self.sentences.units)

    def long_span(self, length: timedelta) -> str:
        """Return a span of the clock on the wall, in days too if it is long: "3 days 22 hours"."""
        if length < 2 * DAY:
            return self.span(length)
        parts = (length // DAY, length % DAY // HOUR, length % HOUR // MINUTE, length % MINUTE // SECOND)
        return self._counted(parts, (self.sentences.unit_of_days, *self.sentences.units))

    def zone(self, name: str) -> str:
        """Return "Paris time" for Europe/Paris."""
        _, _, city = name.rpartition("/")
        return self.say("zone", city=city.replace("_", " ")) if city != "UTC" else city

    def day(self, moment: date, *, year: bool = False) -> str:
        raise NotImplementedError

    def clock(self, moment: datetime) -> str:
        """Return the time of day."""
        raise NotImplementedError

    def moment(self, moment: datetime, *, year: bool = False) -> str:
        """Return the day and the time."""
        return self.say("moment", day=self.day(moment, year=year), time=self.clock(moment))

    def until(self, moment: datetime) -> tuple[date, str]:
        """Return the day on which a span ends and the time: midnight belongs to the day before."""
        if (moment.hour, moment.minute, moment.second) == MIDNIGHT:
            return moment.date() - timedelta(days=1), self.say("midnight")
        return moment.date(), self.clock(moment)

    def range(self, since: datetime, until: datetime, *, year: bool = False) -> str:
        """Return "from 9:00 to 12:00 on Wednesday 18 November"."""
        last, ending = self.until(until)
        begun = self.day(since, year=year)
        if last <= since.date():
            return self.say("same_day", day=begun, since=self.clock(since), until=ending)
        return self.say("many_days", first=begun, since=self.clock(since), last=self.day(last, year=year), until=ending)

    def ongoing(self, since: datetime, *, year: bool = False) -> str:
        """Return "since 9:00 on Wednesday 18 November"."""
        return self.say("ongoing", day=self.day(since, year=year), time=self.clock(since))

    def typeset(self, text: str) -> str:
        """Return the text with the blanks that its language wants."""
        return text

    def _counted(self, counts: Sequence[int], units: Sequence[tuple[str, str]]) -> str:
        parts = zip(counts, units, strict=True)
        told = [f"{count:,} {one if count < 2 else many}" for count, (one, many) in parts if count]
        return " ".join(told).replace(",", self.sentences.thousands) or self.say("less_than_a_second")

    def _joined(self, values: Sequence[str], word: str) -> str:
        *others, last = values
        return f"{', '.join(others)} {word} {last}" if others else last


class English(Words):
    def day(self, moment: date, *, year: bool = False) -> str:
        named = f"{self.sentences.days[moment.weekday()]} {moment.day} {self.sentences.months[moment.month - 1]}"
        return f"{named} {moment.year}" if year else named

    def clock(self, moment: datetime) -> str:
        return f"{moment.hour}:{moment:%M:%S}" if moment.second else f"{moment.hour}:{moment:%M}"


class French(Words):
    def quoted(self, name: str) -> str:
        return f"« {name} »"

    def day(self, moment: date, *, year: bool = False) -> str:
        number = "1er" if moment.day == 1 else str(moment.day)
        named = f"{self.sentences.days[moment.weekday()]} {number} {self.sentences.months[moment.month - 1]}"
        return f"{named} {moment.year}" if year else named

    def clock(self, moment: datetime) -> str:
        if moment.second:
            return f"{moment.hour} h {moment:%M} min {moment:%S} s"
        return f"{moment.hour} h {moment:%M}" if moment.minute else f"{moment.hour} h"

    def zone(self, name: str) -> str:
        return _ELIDED.sub("d'", super().zone(name))

    def typeset(self, text: str) -> str:
        text = _BEFORE_MARK.sub(rf"{NARROW}\1", text).replace("« ", f"«{NARROW}")
        return _BEFORE_UNIT.sub(rf"\1{NO_BREAK}\2", text).replace("'", "’")


WORDS: dict[Language, Words] = {Language.ENGLISH: English(ENGLISH), Language.FRENCH: French(FRENCH)}
