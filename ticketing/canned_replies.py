"""Words to use again, in one or more languages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ticketing import audit, belonging
from ticketing.agents import Caller
from ticketing.belonging import Whose
from ticketing.errors import InvalidInput
from ticketing.events import Actor
from ticketing.models import Agent, CannedReply, Ticket
from ticketing.placeholders import fill
from ticketing.store import db
from ticketing.wording import Worded, checked_bodies, choose, values_of

MAX_SHORTCUT = 40


def find_canned_reply(caller: Caller, canned_reply_id: int) -> CannedReply:
    """Return a canned reply that the caller may use. Raises NotFound."""
    return belonging.find(CannedReply, caller, canned_reply_id, what="canned reply")


def make_canned_reply(
    caller: Caller,
    *,
    name: str,
    bodies: Mapping[str, str],
    at: datetime,
    shortcut: str = "",
    belongs: Whose = Whose.OWN,
    queue_id: int | None = None,
) -> CannedReply:
    """Add a canned reply. Raises InvalidInput, NotAllowed, NotFound."""
    row = CannedReply(name="", shortcut="", bodies={}, created_at=at, updated_at=at)
    belonging.give(row, belongs, queue_id, caller=caller)
    _write(row, {"name": name, "shortcut": shortcut, "bodies": bodies})
    db.session().add(row)
    db.session().flush()
    _note("canned_reply_made", row, caller, at)
    return row


def change_canned_reply(row: CannedReply, caller: Caller, wanted: Mapping[str, Any], *, at: datetime) -> None:
    """Change what is named: name, shortcut, bodies (all of them). Raises InvalidInput, NotAllowed."""
    belonging.must_be_changeable(row, caller)
    _write(row, wanted)
    row.updated_at = at
    _note("canned_reply_changed", row, caller, at)


def remove_canned_reply(row: CannedReply, caller: Caller, *, at: datetime) -> None:
    """Take a canned reply out of use. Raises NotAllowed."""
    belonging.put_away(row, caller, at=at)
    _note("canned_reply_removed", row, caller, at)


def worded(row: CannedReply, ticket: Ticket, agent: Agent) -> Worded:
    """Return a canned reply in the language of the ticket's customer, filled in."""
    language, body = choose(row.bodies, ticket.customer.language)
    return Worded(language, fill(body, values_of(ticket, agent)))


def _write(row: CannedReply, wanted: Mapping[str, Any]) -> None:
    if "name" in wanted:
        row.name = belonging.clean_name(wanted["name"])
    if "shortcut" in wanted:
        row.shortcut = _shortcut(wanted["shortcut"])
    if "bodies" in wanted:
        row.bodies = checked_bodies(wanted["bodies"])


def _shortcut(text: str) -> str:
    if len(text) > MAX_SHORTCUT or text != "".join(text.split()):
        raise InvalidInput(f"a shortcut is one word of at most {MAX_SHORTCUT} characters")
    return text


def _note(kind: str, row: CannedReply, caller: Caller, at: datetime) -> None:
    data = {"belongs": belonging.whose(row).value, "queue": row.queue_id}
    by = Actor.agent(caller.agent_id)
    audit.record(kind, subject="canned_reply", subject_id=row.id, by=by, at=at, data=data)
