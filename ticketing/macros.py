"""Several actions on a ticket at once, in one transaction: all of them or none.

A macro's actions are one-key objects, in the order in which they are done. What each takes stands in ACTIONS; the shape
is checked at the edge (`api.schemas.macros`), what it refers to is checked here when it is saved, and the rules of the
single actions hold when it is applied.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ticketing import audit, belonging, conversation, journal, lifecycle, snoozing
from ticketing.agents import Caller, find_agent
from ticketing.belonging import Whose
from ticketing.canned_replies import find_canned_reply, worded
from ticketing.envelope import Channel
from ticketing.errors import InvalidInput, TicketingError
from ticketing.events import Actor, MacroApplied
from ticketing.fields import checked
from ticketing.models import Agent, CannedReply, FieldSubject, Macro, Message, Ticket
from ticketing.placeholders import fill
from ticketing.queues import find_queue
from ticketing.skills import change_skills, clean_skills
from ticketing.status import Priority, Status
from ticketing.store import db
from ticketing.templates.rendering import render, wordings
from ticketing.wording import check_body, checked_bodies, choose, values_of

MAX_ACTIONS = 20
LONGEST_SNOOZE = int(snoozing.LONGEST.total_seconds())


@dataclass(frozen=True)
class Hand:
    """Who applies a macro, to what, when."""

    ticket: Ticket
    caller: Caller
    agent: Agent
    at: datetime

    @property
    def by(self) -> Actor:
        return Actor.agent(self.agent.id)

    @property
    def told(self) -> dict[str, Any]:
        return {"by": self.by, "at": self.at}


def find_macro(caller: Caller, macro_id: int) -> Macro:
    """Return a macro that the caller may use. Raises NotFound."""
    return belonging.find(Macro, caller, macro_id, what="macro")


def make_macro(
    caller: Caller,
    *,
    name: str,
    actions: Sequence[Mapping[str, Any]],
    at: datetime,
    position: int = 0,
    belongs: Whose = Whose.OWN,
    queue_id: int | None = None,
) -> Macro:
    """Add a macro. Raises InvalidInput, naming the action that is to blame, NotAllowed, NotFound."""
    row = Macro(name="", actions=[], position=0, created_at=at, updated_at=at)
    belonging.give(row, belongs, queue_id, caller=caller)
    _write(row, {"name": name, "actions": actions, "position": position}, caller)
    db.session().add(row)
    db.session().flush()
    _note("macro_made", row, caller, at)
    return row


def change_macro(row: Macro, caller: Caller, wanted: Mapping[str, Any], *, at: datetime) -> None:
    """Change what is named: name, position, actions (all of them). Raises InvalidInput, NotAllowed."""
    belonging.must_be_changeable(row, caller)
    _write(row, wanted, caller)
    row.updated_at = at
    _note("macro_changed", row, caller, at)


def remove_macro(row: Macro, caller: Caller, *, at: datetime) -> None:
    """Take a macro out of use. Raises NotAllowed."""
    belonging.put_away(row, caller, at=at)
    _note("macro_removed", row, caller, at)


def apply(row: Macro, hand: Hand) -> list[Message]:
    """Do all of a macro's actions on a locked ticket; return the messages that were written.

    What one of them raises, the caller lets end the transaction, so that nothing of it remains.
    """
    written = []
    for action in row.actions:
        for name, value in action.items():
            message = ACTIONS[name].do(hand, value)
            if message is not None:
                written.append(message)
    journal.append(hand.ticket, MacroApplied(row.id), **hand.told)
    return written


def _write(row: Macro, wanted: Mapping[str, Any], caller: Caller) -> None:
    if "name" in wanted:
        row.name = belonging.clean_name(wanted["name"])
    if "position" in wanted:
        row.position = wanted["position"]
    if "actions" in wanted:
        row.actions = _checked(row, wanted["actions"], caller)


def _checked(row: Macro, actions: Sequence[Mapping[str, Any]], caller: Caller) -> list[dict[str, Any]]:
    if not 0 < len(actions) <= MAX_ACTIONS:
        raise InvalidInput(f"a macro has 1 to {MAX_ACTIONS} actions")
    return [_checked_action(row, number, action, caller) for number, action in enumerate(actions, 1)]


def _checked_action(row: Macro, number: int, action: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    if len(action) != 1:
        raise InvalidInput(f'action {number} does one thing, like {{"priority": "high"}}; give the others of their own')
    ((name, value),) = action.items()
    try:
        return {name: ACTIONS[name].check(row, caller, value)}
    except TicketingError as error:
        raise InvalidInput(f"action {number}, {name}: {error}") from None


Check = Callable[[Macro, Caller, Any], Any]
Do = Callable[[Hand, Any], Message | None]


@dataclass(frozen=True)
class Action:
    """How an action's value is checked when it is saved (what it returns is kept), and what it does."""

    check: Check
    do: Do


def _check_reply(row: Macro, caller: Caller, value: dict[str, Any]) -> dict[str, Any]:
    if len({"bodies", "canned_reply", "template"} & value.keys()) != 1:
        raise InvalidInput("a reply has its words from one of bodies, canned_reply and template")
    if "bodies" in value:
        value = {**value, "bodies": checked_bodies(value["bodies"])}
    if "canned_reply" in value:
        _must_reach_as_far(row, find_canned_reply(caller, value["canned_reply"]))
    if "template" in value:
        wordings(value["template"])
    return value


def _must_reach_as_far(row: Macro, canned: CannedReply) -> None:
    """Refuse words that not everybody may use who may use the macro."""
    same = belonging.whose(canned) is belonging.whose(row) and canned.queue_id == row.queue_id
    if belonging.whose(row) is not Whose.OWN and belonging.whose(canned) is not Whose.DESK and not same:
        raise InvalidInput(f"canned reply {canned.id} is not for everybody who may use this macro")


def _reply(hand: Hand, value: dict[str, Any]) -> Message:
    channel = Channel(value["channel"]) if value.get("channel") else None
    return conversation.reply(hand.ticket, _words(hand, value), agent=hand.agent, channel=channel, at=hand.at)


def _words(hand: Hand, value: dict[str, Any]) -> str:
    language = hand.ticket.customer.language
    if "canned_reply" in value:
        return worded(find_canned_reply(hand.caller, value["canned_reply"]), hand.ticket, hand.agent).body
    values = values_of(hand.ticket, hand.agent)
    if "template" in value:
        return render(value["template"], language, values).body
    return fill(choose(value["bodies"], language)[1], values)


def _check_note(_row: Macro, _caller: Caller, value: str) -> str:
    check_body(value, "the note")
    return value


def _write_note(hand: Hand, value: str) -> Message:
    words = fill(value, values_of(hand.ticket, hand.agent))
    return conversation.note(hand.ticket, words, agent=hand.agent, at=hand.at)


def _check_status(_row: Macro, _caller: Caller, value: Status) -> str:
    if value in {Status.NEW, Status.CLOSED}:
        raise InvalidInput("nobody makes a ticket new or closed; there are open, pending, on_hold and solved")
    return Status(value).value


def _change_status(hand: Hand, value: str) -> None:
    lifecycle.change_status(hand.ticket, Status(value), **hand.told)


def _check_priority(_row: Macro, _caller: Caller, value: Priority) -> str:
    return Priority(value).value


def _change_priority(hand: Hand, value: str) -> None:
    lifecycle.change_priority(hand.ticket, Priority(value), **hand.told)


def _check_queue(_row: Macro, _caller: Caller, value: str | int) -> int:
    return find_queue(value).id


def _move(hand: Hand, value: int) -> None:
    lifecycle.move(hand.ticket, find_queue(value), **hand.told)


def _check_assignee(_row: Macro, _caller: Caller, value: str | int) -> str | int:
    if isinstance(value, int) and not find_agent(value).is_active:
        raise InvalidInput(f"agent {value} has left the desk")
    return value


def _assign(hand: Hand, value: str | int) -> None:
    if value == "none":
        lifecycle.release(hand.ticket, **hand.told)
        return
    agent = hand.agent if value == "me" else find_agent(int(value))
    lifecycle.assign(hand.ticket, agent, **hand.told)


def _check_tags(_row: Macro, _caller: Caller, value: list[str]) -> list[str]:
    return lifecycle.clean_tags(value)


def _add_tags(hand: Hand, value: list[str]) -> None:
    lifecycle.change_tags(hand.ticket, [*hand.ticket.tags, *value], **hand.told)


def _remove_tags(hand: Hand, value: list[str]) -> None:
    left = [tag for tag in hand.ticket.tags if tag not in value]
    lifecycle.change_tags(hand.ticket, left, **hand.told)


def _check_fields(_row: Macro, _caller: Caller, value: dict[str, Any]) -> dict[str, Any]:
    return checked(FieldSubject.TICKET, value)


def _change_fields(hand: Hand, value: dict[str, Any]) -> None:
    lifecycle.change_fields(hand.ticket, value, **hand.told)


def _check_snooze(_row: Macro, _caller: Caller, value: int) -> int:
    return value


def _snooze(hand: Hand, value: int) -> None:
    snoozing.snooze(hand.ticket, hand.at + timedelta(seconds=value), **hand.told)


def _check_skills(_row: Macro, _caller: Caller, value: list[str]) -> list[str]:
    return clean_skills(value)


def _change_skills(hand: Hand, value: list[str]) -> None:
    change_skills(hand.ticket, value, **hand.told)


ACTIONS: dict[str, Action] = {
    "reply": Action(_check_reply, _reply),
    "note": Action(_check_note, _write_note),
    "status": Action(_check_status, _change_status),
    "priority": Action(_check_priority, _change_priority),
    "queue": Action(_check_queue, _move),
    "assign": Action(_check_assignee, _assign),
    "tags_add": Action(_check_tags, _add_tags),
    "tags_remove": Action(_check_tags, _remove_tags),
    "fields": Action(_check_fields, _change_fields),
    "snooze_for_seconds": Action(_check_snooze, _snooze),
    "skills": Action(_check_skills, _change_skills),
}


def _note(kind: str, row: Macro, caller: Caller, at: datetime) -> None:
    data = {"belongs": belonging.whose(row).value, "queue": row.queue_id}
    audit.record(kind, subject="macro", subject_id=row.id, by=Actor.agent(caller.agent_id), at=at, data=data)
