"""What an agent must be able to do to be handed a ticket, and what agents are able to do."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import exists
from sqlalchemy.sql import ColumnElement

from ticketing import journal
from ticketing.errors import InvalidInput
from ticketing.events import Actor, SkillsChanged
from ticketing.models import Ticket, TicketSkill

MAX_SKILLS = 50
MAX_SKILL = 60


def change_skills(ticket: Ticket, skills: Iterable[str], *, by: Actor, at: datetime) -> None:
    """Replace what the ticket asks of an agent; nobody loses it by that. Raises InvalidInput."""
    wanted, had = clean_skills(skills), {row.name for row in ticket.skill_rows}
    added, removed = [one for one in wanted if one not in had], sorted(had - set(wanted))
    if added or removed:
        kept = [row for row in ticket.skill_rows if row.name not in removed]
        ticket.skill_rows = kept + [TicketSkill(name=name) for name in added]
        journal.append(ticket, SkillsChanged(added, removed), by=by, at=at)


def clean_skills(skills: Iterable[str]) -> list[str]:
    """Return skills as they are kept: folded, in order, each once. Raises InvalidInput."""
    cleaned = list(dict.fromkeys(" ".join(one.split()).casefold() for one in skills))
    if len(cleaned) > MAX_SKILLS or any(not 0 < len(one) <= MAX_SKILL for one in cleaned):
        raise InvalidInput(f"there are at most {MAX_SKILLS} skills, of 1 to {MAX_SKILL} characters each")
    return sorted(cleaned)


def asks_no_more_than(skills: Iterable[str]) -> ColumnElement[bool]:
    """Return the SQL condition that somebody with these skills may be handed a row of `ticket`."""
    beyond = exists().where(TicketSkill.ticket_id == Ticket.id, TicketSkill.name.not_in(sorted(skills)))
    return ~beyond.correlate(Ticket)
