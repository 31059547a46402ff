"""Whether the line of a queue is open, as a caller's way through it wants to know. Pure; `api/opening.py` finds out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from ticketing.moment import rfc3339


@dataclass(frozen=True)
class Opening:
    """Open or closed. `opens_at` is None while it is open, and where nobody knows when it opens again."""

    is_open: bool = True
    opens_at: datetime | None = None
    time_zone: str = "UTC"

    def meta(self) -> dict[str, str]:
        """Return this as what a door knows of an item."""
        opens_at = rfc3339(self.opens_at) if self.opens_at else ""
        return {"line": "open" if self.is_open else "closed", "opens_at": opens_at, "time_zone": self.time_zone}

    @classmethod
    def from_meta(cls, meta: Mapping[str, str]) -> Self:
        """Return what a door knew; closed where none has said so, for then nobody is on the line."""
        opens_at = meta.get("opens_at")
        moment = datetime.fromisoformat(opens_at) if opens_at else None
        return cls(meta.get("line") == "open", moment, meta.get("time_zone", "UTC"))
