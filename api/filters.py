"""Turn the parameters of `GET /tickets` into a filter. Searches and saved views take the same ones."""

from collections.abc import Mapping
from typing import Any

from api.auth import caller
from ticketing.filters import Filter
from ticketing.status import ACTIVE, Status

PLAIN = ("channel", "priority", "sla", "waiting", "snoozed", "created_after", "created_before", "updated_after")


def filter_of(asked: Mapping[str, Any]) -> Filter:
    """Return which tickets are meant by values that `TicketFilter` has read; `me` is whoever asks now."""
    named = set(asked.get("status", ()))
    statuses = {Status(one) for one in named if one != "active"} | (ACTIVE if "active" in named else set())
    assignee = asked.get("assignee", "")
    return Filter(
        queue=asked.get("queue", ""),
        statuses=tuple(sorted(statuses)),
        assignee=str(caller().agent_id) if assignee == "me" else assignee,
        tag=asked.get("tag", ""),
        customer_id=asked.get("customer"),
        **{name: asked.get(name) for name in PLAIN},
    )
