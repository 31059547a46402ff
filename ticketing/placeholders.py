"""Variables in texts: `{{customer.first_name|there}}`. Pure; no template engine: names, a default, nothing to run.

`check` is for saving: it refuses what nobody could fill in. `fill` never fails: what is missing is its default, or "".
"""

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


def fill(text: str, values: Mapping[str, str], *, stand_ins: Mapping[str, str] | None = None) -> str:
    """Return the text with its variables filled in. What is filled in is final.

    `stand_ins` are values for where one is missing and the text gives no default.
    """

    def found(place: re.Match[str]) -> str:
        name, default = place[1].strip(), place[2]
        missing = (stand_ins or {}).get(name, "")[:MAX_VALUE] if default is None else default.strip()
        return values.get(name, "")[:MAX_VALUE] or missing

    return _PLACE.sub(found, text)
