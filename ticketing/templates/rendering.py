"""Find a text by its name in the customer's language, and fill it in."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from ticketing.models import Template
from ticketing.placeholders import fill
from ticketing.store import db
from ticketing.templates.shipped import Wording, shipped
from ticketing.wording import choose


@dataclass(frozen=True)
class Rendered:
    """A text to be sent. `subject` is "" where the text answers something that has one."""

    subject: str
    body: str
    language: str


def render(name: str, language: str, values: Mapping[str, str]) -> Rendered:
    """Return the text `name` for a reader of `language` ("" when unknown), in the desk's own wording if it has one.

    `values` by variable, see `ticketing.wording.values_of`; what is missing is its default, or "". Raises NotFound.
    """
    chosen, wording = choose(wordings(name), language)
    return Rendered(fill(wording.subject, values), fill(wording.body, values), chosen)


def wordings(name: str) -> dict[str, Wording]:
    """Return a text by language, the desk's own wording before the shipped one. Raises NotFound."""
    found = dict(shipped(name))
    for row in db.session().scalars(select(Template).where(Template.name == name)):
        found[row.language] = Wording(row.subject, row.body, row.updated_at)
    return found
