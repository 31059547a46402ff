"""Variables in texts: `{{customer.first_name|there}}`. Pure; no template engine: names, a default, nothing to run.

`check` is for saving: it refuses what nobody could fill in. `fill` never fails: what is missing is its default, or "".
"""

import html as markup
import re
from collections.abc import Iterable, Mapping

from ticketing.errors import InvalidInput

KNOWN = ("customer.name", "customer.first_name", "ticket.id", "ticket.subject", "agent.name", "queue.name")
FIELD = "ticket.fields."  # and a custom field's name
MAX_VARIABLES = 100  # in one text
MAX_VALUE = 2000  # characters

_PLACE = re.compile(r"\{\{([^{}|]{1,100})(?:\|([^{}]{0,200}))?\}\}")


def check(text: str, *, besides: Iterable[str] = ()) -> None:
    """Raise InvalidInput for a variable that does not exist, and for braces that make none; `besides` exist too."""
    known = {*KNOWN, *besides}
    names = [found[1].strip() for found in _PLACE.finditer(text)]
    for name in names:
        if name not in known and not (name.startswith(FIELD) and name != FIELD):
            raise InvalidInput(f"there is no variable {name!r}; there are {', '.join(sorted(known))} and {FIELD}…")
    if len(names) > MAX_VARIABLES:
        raise InvalidInput(f"a text has at most {MAX_VARIABLES} variables")
    if "{{" in _PLACE.sub("", text):
        raise InvalidInput("a variable is written {{name}} or {{name|default}}; somewhere two braces make none")


def fill(text: str, values: Mapping[str, str], *, html: bool = False) -> str:
    """Return the text with its variables filled in; in HTML, the values are escaped. What is filled in is final."""

    def found(place: re.Match[str]) -> str:
        value = values.get(place[1].strip(), "")[:MAX_VALUE] or (place[2] or "").strip()
        return markup.escape(value) if html else value

    return _PLACE.sub(found, text)
