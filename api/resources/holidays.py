"""The public holidays that a calendar may choose."""

from dataclasses import dataclass, field
from typing import Any

from flask.views import MethodView

from api.blueprint import Blueprint
from api.off_loop import off_loop
from api.schemas.calendars import HolidaysQuery, HolidaysSchema
from sla.public_holidays import Choice, countries, region_of
from ticketing.errors import InvalidInput
from ticketing.moment import utc_now

blueprint = Blueprint("holidays", description="Public holidays by country and region")


@dataclass(frozen=True)
class Holiday:
    """A public holiday."""

    date: str
    name: str


@dataclass(frozen=True)
class Shown:
    """What may be chosen, and the holidays of a choice in one year."""

    countries: dict[str, str] = field(default_factory=dict)
    country: str | None = None
    subdivisions: dict[str, list[str]] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    year: int | None = None
    items: list[Holiday] = field(default_factory=list)


@blueprint.route("/sla/holidays")
class Holidays(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(HolidaysQuery)
    @blueprint.answers(200, HolidaysSchema, description="The countries, or the regions and holidays of one")
    def get(self, asked: dict[str, Any]) -> Shown:
        """List the public holidays that can be chosen."""
        if "country" not in asked:
            if others := sorted(asked):
                raise InvalidInput(f"{others[0]} needs a country")
            return Shown(countries=countries())
        year = asked.pop("year", utc_now().year)
        return off_loop(lambda: _chosen(asked, year))


def _chosen(words: dict[str, Any], year: int) -> Shown:
    choice = Choice.read(words)
    region = region_of(choice.country)
    days = [Holiday(str(day), name) for day, name in choice.days([year]).items()]
    return Shown({}, choice.country, dict(region.subdivisions), region.languages, year, days)
