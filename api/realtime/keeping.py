"""The thread that looks after open streams: who may still listen, who is there, whose place in a line has changed."""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from flask import Flask
from sqlalchemy import Select, select
from sqlalchemy.exc import SQLAlchemyError

from api.realtime.frames import frame
from api.realtime.hints import LINE
from api.realtime.hub import SIGNED_OUT, Hub
from api.realtime.listeners import AgentListener, Listener, VisitorListener
from api.visiting import tell_presence
from channels.models import ChatSession
from channels.webchat.listening import are_present
from ticketing.fetching import fetch
from ticketing.filters import among
from ticketing.holders import in_force
from ticketing.models import Ticket
from ticketing.moment import utc_now
from ticketing.sight import sight_of
from ticketing.store import dialect

log = structlog.get_logger()

EVERY = 0.25  # seconds
LINE_EVERY, RIGHTS_EVERY, PRESENCE_EVERY = 3.0, 15.0, 30.0
STUCK_AFTER = 60.0  # without a sign of the listener's own connection
MOST_MOVES = 1000  # tickets; then the widgets' own asking from time to time must do


class Keeper:
    """Looks after the streams until the process ends, or nobody listens any more."""

    def __init__(self, app: Flask, hub: Hub) -> None:
        self._app, self._hub = app, hub
        self._lock = threading.Lock()
        self._moved: set[int] = set()
        self._sight: dict[int, tuple[Any, ...]] = {}

    def note_moves(self, ticket_ids: set[int]) -> None:
        """Note that something happened to tickets after which others in the line may have moved up."""
        with self._lock:
            if len(self._moved) < MOST_MOVES:
                self._moved |= ticket_ids

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Do each of it from time to time. What fails is logged, and done again."""
        tasks = (
            (self.tell_the_line, LINE_EVERY),
            (self.check_rights, RIGHTS_EVERY),
            (self.note_presence, PRESENCE_EVERY),
        )
        started = time.monotonic()
        due = {task: started + every for task, every in tasks}
        while goes_on():
            now = time.monotonic()
            for task, every in tasks:
                if due[task] <= now:
                    due[task] = now + every
                    self._try(task)
            time.sleep(EVERY)

    def tell_the_line(self) -> None:
        """Tell visitors who wait in the line of a queue in which something moved to ask for their place."""
        with self._lock:
            moved, self._moved = self._moved, set()
        if moved:
            for row in fetch(_in_line_with(dialect()), {"tickets": sorted(moved)}):
                self._hub.give_visitor(row.visitor, frame(LINE, {}))

    def check_rights(self) -> None:
        """End the streams of those who may not listen any more; tell agents whose queues have changed to look again."""
        everybody = self._hub.everybody()
        agents = [one for one in everybody if isinstance(one, AgentListener)]
        now = utc_now()
        holders = in_force([one.caller for one in agents], now=now)
        over: list[Listener] = [one for one in agents if one.caller.holder not in holders]
        over += [one for one in everybody if isinstance(one, VisitorListener) and one.until <= now]
        self._hub.end(over, SIGNED_OUT)
        self._tell_changed_sight(agents)
        for one in everybody:
            if time.monotonic() - one.taken_at > STUCK_AFTER:
                one.cut()

    def _tell_changed_sight(self, agents: list[AgentListener]) -> None:
        before, self._sight = self._sight, sight_of({one.caller.agent_id for one in agents})
        for one in agents:
            agent_id = one.caller.agent_id
            if agent_id in before and before[agent_id] != self._sight.get(agent_id):
                self._hub.give(one, frame("reload", {}))

    def note_presence(self) -> None:
        """Note that visitors who listen are there."""
        visitors = {one.visitor for one in self._hub.everybody() if isinstance(one, VisitorListener)}
        for one in are_present(visitors, at=utc_now()):
            if one.ticket_id is not None:
                tell_presence(one.ticket_id, one.visitor, away_since=None)

    def _try(self, task: Callable[[], None]) -> None:
        try:
            with self._app.app_context():
                task()
        except SQLAlchemyError as error:
            log.warning("streams not looked after", task=task.__name__, error=type(error).__name__)
        except Exception:
            log.exception("streams not looked after", task=task.__name__)  # and on: the others are well


@cache
def _in_line_with(_dialect: str) -> Select[str]:
    queues = select(Ticket.queue_id).where(among(Ticket.id, "tickets")).scalar_subquery()
    waits = (Ticket.live, Ticket.assignee_id.is_(None), Ticket.queue_id.in_(queues))
    return select(ChatSession.visitor).join(Ticket, Ticket.id == ChatSession.ticket_id).where(*waits)
