"""The clocks of one ticket through its life: a reducer over its journal, for the live timekeeper and replay. Pure.

What each kind of entry does to the clocks stands in MOVES, at the end.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Self

from sla import clock
from sla.agreement import SNOOZED, Agreement, Metric, OnReopen, Promises, Target, always_open
from sla.changing import replace
from sla.clock import SLAClock
from sla.errors import NeverOpen, OutOfReach
from sla.events import PromiseKept, PromiseMade, PromiseWithdrawn, SLARearmed
from sla.facts import Facts, tell
from sla.hours import BusinessHours
from ticketing.events import (
    CustomerAnswered,
    CustomerLost,
    Entry,
    Event,
    FieldsChanged,
    LiveBegan,
    LiveEnded,
    MessageReceived,
    PriorityChanged,
    ReplyWritten,
    StatusChanged,
    TagsChanged,
    TicketAbsorbed,
    TicketAssigned,
    TicketMerged,
    TicketMoved,
    TicketOpened,
    TicketReleased,
    TicketReopened,
    TicketResolved,
    TicketSnoozed,
    TicketSplit,
    TicketWoke,
)
from ticketing.status import ACTIVE, Status

ANSWERS = (Metric.FIRST_RESPONSE, Metric.NEXT_RESPONSE)


class Solved(NamedTuple):
    """The verdict on a resolution that was opened again: a customer's mere thanks gives it back."""

    met_at: datetime
    due_at: datetime | None
    breached_at: datetime | None
    counted: timedelta


class Life:
    """One ticket's facts and clocks after the entries taken so far.

    `policy_id` is the agreement under which the ticket stands. `awaited` are the metrics of which a clock has not
    ended, `counts` how many of each there have been: who knows these need not read the clocks for most entries, so
    `clocks` are loaded when something first asks for them. `troubles` are the reasons why clocks could not be kept.
    """

    def __init__(self, facts: Facts, load: Callable[[], Iterable[SLAClock]] = tuple) -> None:
        self.facts = facts
        self.policy_id: int | None = None
        self.awaited: set[Metric] = set()
        self.counts: dict[Metric, int] = {}
        self.solved: Solved | None = None
        self.troubles: list[str] = []
        self._load = load
        self._clocks: list[SLAClock] | None = None
        self._running: set[int] = set()  # places of the clocks that have not ended

    @classmethod
    def opened(cls, entry: Entry, promises: Promises) -> Self:
        """Return the life of a ticket that the entry opens."""
        if not isinstance(entry.event, TicketOpened):
            raise TypeError(f"a ticket's life does not begin with {entry.event.kind()}")
        life = cls(Facts.at_opening(entry, entry.event))
        agreement = promises.agreement_for(life.facts, entry.at)
        if agreement is None:
            return life
        life.policy_id = agreement.id
        for metric in agreement.targets:
            since = _since_opening(metric, life.facts, entry.at)
            if since is not None:
                life._start(metric, agreement, since)
        return life

    def take(self, entry: Entry, promises: Promises) -> None:
        """Go on by one entry. Entries come in the order in which they were written."""
        move = MOVES.get(type(entry.event))
        if move is not None:
            before, self.facts = self.facts, tell(self.facts, entry)
            move(self, entry, before, promises)

    @property
    def clocks(self) -> list[SLAClock]:
        """All clocks of the ticket, in the order in which they were started."""
        if self._clocks is None:
            self._clocks = list(self._load())
            self._running = {place for place, one in enumerate(self._clocks) if not one.has_ended}
        return self._clocks

    @property
    def has_clocks_at_hand(self) -> bool:
        """Whether the clocks were asked for; if not, none of them has changed."""
        return self._clocks is not None

    def pack(self) -> dict[str, Any]:
        """Return everything but the clocks as plain values, for JSON."""
        return {
            "facts": self.facts.pack(),
            "policy": self.policy_id,
            "awaited": sorted(one.value for one in self.awaited),
            "counts": {metric.value: count for metric, count in self.counts.items()},
            "solved": None if self.solved is None else _pack_solved(self.solved),
        }

    @classmethod
    def unpack(cls, packed: Mapping[str, Any], load: Callable[[], Iterable[SLAClock]]) -> Self:
        """Return what `pack` packed; `load` returns the ticket's clocks."""
        life = cls(Facts.unpack(packed["facts"]), load)
        life.policy_id = packed["policy"]
        life.awaited = {Metric(name) for name in packed["awaited"]}
        life.counts = {Metric(name): count for name, count in packed["counts"].items()}
        life.solved = None if packed["solved"] is None else _unpack_solved(packed["solved"])
        return life

    # What happens to the clocks of a metric; hours are those of the agreement under which a clock runs.

    def _start(self, metric: Metric, agreement: Agreement | None, since: datetime) -> None:
        target = agreement.targets.get(metric) if agreement else None
        if agreement is None or target is None or metric in self.awaited:
            return
        sequence = self.counts.get(metric, 0) + 1
        try:
            started = clock.start(metric, target, since, sequence=sequence, policy_id=agreement.id)
        except (NeverOpen, OutOfReach) as error:
            # A calendar that has run out must not keep a customer's message from being taken in.
            self.troubles.append(f"{metric}: {error}")
            return
        reason = self._pause_reason(target)
        self._add(clock.pause(started, since, reason, target.hours) if reason else started)

    def _add(self, started: SLAClock) -> None:
        clocks = self.clocks
        self._running.add(len(clocks))
        clocks.append(started)
        self.counts[started.metric] = started.sequence
        self.awaited.add(started.metric)

    def _change(
        self,
        metrics: Iterable[Metric],
        promises: Promises,
        change: Callable[[SLAClock, BusinessHours], SLAClock],
        only: Callable[[SLAClock], bool] = lambda _: True,
    ) -> None:
        """Change the clocks of these metrics that have not ended."""
        wanted = self.awaited.intersection(metrics)
        if not wanted:
            return
        clocks = self.clocks
        for place in sorted(self._running):
            one = clocks[place]
            if one.metric in wanted and only(one):
                self._put(place, partial(change, one, self._hours(one, promises)))
        self.awaited = {clocks[place].metric for place in self._running}

    def _put(self, place: int, change: Callable[[], SLAClock]) -> None:
        """Put what a change makes of a clock in its place; it stays as it was where its calendar has run out."""
        try:
            changed = self.clocks[place] = change()
        except (NeverOpen, OutOfReach) as error:
            self.troubles.append(f"{self.clocks[place].metric}: {error}")
            return
        (self._running.discard if changed.has_ended else self._running.add)(place)

    def _meet(self, metrics: Iterable[Metric], at: datetime, promises: Promises) -> None:
        self._change(metrics, promises, lambda one, hours: clock.meet(one, at, hours))

    def _cancel(self, metrics: Iterable[Metric], at: datetime, promises: Promises) -> None:
        self._change(metrics, promises, lambda one, hours: clock.cancel(one, at, hours))

    def _target(self, one: SLAClock, promises: Promises) -> Target | None:
        if one.policy_id is None:
            return None
        return promises.agreement(one.policy_id).targets.get(one.metric)

    def _hours(self, one: SLAClock, promises: Promises) -> BusinessHours:
        target = self._target(one, promises)
        return target.hours if target else always_open()

    def _agreement(self, promises: Promises) -> Agreement | None:
        return None if self.policy_id is None else promises.agreement(self.policy_id)

    # What several kinds of entry have in common.

    def _pause_reason(self, target: Target | None) -> str | None:
        if target is not None:
            for one in pauses(self.facts):
                if one in target.pause_on:
                    return one
        return None

    def _rest(self, at: datetime, promises: Promises) -> None:
        """Pause and resume what has to be."""

        def settle(one: SLAClock, hours: BusinessHours) -> SLAClock:
            reason = self._pause_reason(self._target(one, promises))
            if reason == one.paused_by:
                return one
            if reason is None:
                return clock.resume(one, at, hours)
            return clock.pause(one, at, reason, hours)

        self._change(Metric, promises, settle)

    def _choose(self, at: datetime, promises: Promises, *, newest: bool = False) -> None:
        """Put the ticket under the agreement that is for it now; `newest` also under a newer version of the same."""
        chosen, current = promises.agreement_for(self.facts, at), self._agreement(promises)
        if chosen is current or (chosen and current and _is_as_before(chosen, current, newest=newest)):
            return
        self.policy_id = chosen.id if chosen else None

        def move(one: SLAClock, hours: BusinessHours) -> SLAClock:
            target = chosen.targets.get(one.metric) if chosen else None
            if one.metric is Metric.PROMISE:
                return replace(one, policy_id=chosen.id if chosen and target else None)
            if chosen is None or target is None:
                return clock.cancel(one, at, hours)
            return clock.retarget(one, at, hours, target, chosen.id)

        self._change(Metric, promises, move)
        self._rest(at, promises)
        for metric in chosen.targets if chosen else ():
            if metric not in self.awaited and self._is_owed(metric):
                self._start(metric, chosen, at)

    def _is_owed(self, metric: Metric) -> bool:
        """Say whether a clock of this metric would run by now, had there always been a target for it.

        One that has run already, under whatever agreement, was judged then.
        """
        if self.facts.status not in ACTIVE:
            return False
        if metric is Metric.FIRST_RESPONSE:
            return not self.facts.answered and not self.counts.get(metric)
        if metric is Metric.RESOLUTION:
            return not self.counts.get(metric)
        return {
            Metric.NEXT_RESPONSE: self.facts.answered and self.facts.waiting_since is not None,
            Metric.UPDATE: self.facts.answered,
            Metric.QUEUE_WAIT: self.facts.assignee_id is None and not self.counts.get(metric),
        }.get(metric, False)

    # The moves.

    def _received(self, entry: Entry, before: Facts, promises: Promises) -> None:
        since = self.facts.waiting_since
        if since is None or since == before.waiting_since:
            return
        self._owe_answer(since, promises)

    def _owe_answer(self, since: datetime, promises: Promises) -> None:
        """Let the next answer be owed since then; a clock that runs from later on began too late."""
        if not self.facts.answered:
            return
        if Metric.NEXT_RESPONSE not in self.awaited:
            self._start(Metric.NEXT_RESPONSE, self._agreement(promises), since)
            return

        self._change([Metric.NEXT_RESPONSE], promises, lambda one, hours: clock.backdate(one, since, hours))

    def _replied(self, entry: Entry, before: Facts, promises: Promises) -> None:
        event: Any = entry.event
        agreement = self._agreement(promises)
        if event.automatic:
            if agreement is None or not agreement.automatic_answers_count:
                return
            self.facts = replace(self.facts, waiting_since=None, answered=True)
        self._meet((*ANSWERS, Metric.UPDATE, Metric.QUEUE_WAIT), entry.at, promises)
        if self.facts.status in ACTIVE:
            self._start(Metric.UPDATE, agreement, entry.at)

    def _assigned(self, entry: Entry, before: Facts, promises: Promises) -> None:
        event: Any = entry.event
        if not (event.rings or event.awaits):  # else nobody has spoken or written to the customer yet
            self._meet([Metric.QUEUE_WAIT], entry.at, promises)

    def _lined_up(self, entry: Entry, before: Facts, promises: Promises) -> None:
        if self.facts.status in ACTIVE and self.facts.assignee_id is None:
            self._start(Metric.QUEUE_WAIT, self._agreement(promises), entry.at)

    def _spoken_to(self, entry: Entry, before: Facts, promises: Promises) -> None:
        self._meet((*ANSWERS, Metric.UPDATE, Metric.QUEUE_WAIT), entry.at, promises)
        if self.facts.status in ACTIVE:
            self._start(Metric.UPDATE, self._agreement(promises), entry.at)

    def _lost(self, entry: Entry, before: Facts, promises: Promises) -> None:
        """Let everything be owed since the customer began to wait, as if nobody had answered: it is our fault."""
        since = self.facts.waiting_since or entry.at
        self._owe_answer(since, promises)
        if self.facts.status in ACTIVE:
            self._start(Metric.QUEUE_WAIT, self._agreement(promises), since)

    def _released(self, entry: Entry, before: Facts, promises: Promises) -> None:
        if self.facts.status in ACTIVE:
            self._start(Metric.QUEUE_WAIT, self._agreement(promises), entry.at)

    def _moved(self, entry: Entry, before: Facts, promises: Promises) -> None:
        self._cancel([Metric.QUEUE_WAIT], entry.at, promises)
        self._choose(entry.at, promises)
        self._show()
        if self.facts.assignee_id is None:
            self._released(entry, before, promises)

    def _changed(self, entry: Entry, before: Facts, promises: Promises) -> None:
        if self.facts != before:
            self._choose(entry.at, promises)
            self._show()

    def _show(self) -> None:
        """Ask for the clocks that run: what is kept with them of the ticket (queue, priority) has changed."""
        if self.awaited:
            _ = self.clocks

    def _rearmed(self, entry: Entry, before: Facts, promises: Promises) -> None:
        self._choose(entry.at, promises, newest=True)

    def _rested(self, entry: Entry, before: Facts, promises: Promises) -> None:
        if pauses(before) != pauses(self.facts):
            self._rest(entry.at, promises)

    def _resolved(self, entry: Entry, before: Facts, promises: Promises) -> None:
        event: Any = entry.event
        at = entry.at
        if event.answer_needed:
            self._meet((*ANSWERS, Metric.RESOLUTION), at, promises)
        else:
            self._cancel(ANSWERS, at, promises)
            self._take_back_reopening()
            self._meet([Metric.RESOLUTION], at, promises)
        self._cancel((Metric.UPDATE, Metric.QUEUE_WAIT), at, promises)
        self.solved = None

    def _take_back_reopening(self) -> None:
        """Give the resolution the verdict back that it had before the customer's mere thanks opened the ticket."""
        if self.solved is None or Metric.RESOLUTION not in self.awaited:
            return
        last = max(place for place, one in enumerate(self.clocks) if one.metric is Metric.RESOLUTION)
        verdict = partial(
            replace,
            self.clocks[last],
            met_at=self.solved.met_at,
            due_at=self.solved.due_at,
            breached_at=self.solved.breached_at,
            counted=self.solved.counted,
            paused_by=None,
        )
        self._put(last, verdict)
        self.awaited.discard(Metric.RESOLUTION)

    def _reopened(self, entry: Entry, before: Facts, promises: Promises) -> None:
        agreement = self._agreement(promises)
        if agreement is not None:
            self._reopen_resolution(agreement, entry.at, promises)
        if self.facts.answered:
            self._start(Metric.UPDATE, agreement, entry.at)
        if self.facts.assignee_id is None:
            self._start(Metric.QUEUE_WAIT, agreement, entry.at)

    def _reopen_resolution(self, agreement: Agreement, at: datetime, promises: Promises) -> None:
        if agreement.on_reopen is OnReopen.KEEP or not self.counts.get(Metric.RESOLUTION):
            return
        if agreement.on_reopen is OnReopen.RESTART:
            self._start(Metric.RESOLUTION, agreement, at)
            return
        place, last = max(
            ((place, one) for place, one in enumerate(self.clocks) if one.metric is Metric.RESOLUTION),
            key=lambda found: found[1].sequence,
        )
        if last.met_at is None:
            return
        self.solved = Solved(last.met_at, last.due_at, last.breached_at, last.counted)
        self._put(place, lambda: clock.reopen(last, at, self._hours(last, promises)))
        self.awaited.add(Metric.RESOLUTION)
        self._rest(at, promises)

    def _merged(self, entry: Entry, before: Facts, promises: Promises) -> None:
        self._cancel(Metric, entry.at, promises)

    def _absorbed(self, entry: Entry, before: Facts, promises: Promises) -> None:
        if self.facts.waiting_since is not None:
            self._owe_answer(self.facts.waiting_since, promises)

    def _split(self, entry: Entry, before: Facts, promises: Promises) -> None:
        if self.facts.waiting_since is None:  # what was owed is owed on the other ticket
            self._cancel(ANSWERS, entry.at, promises)

    def _hung_up(self, entry: Entry, before: Facts, promises: Promises) -> None:
        self._cancel([Metric.QUEUE_WAIT], entry.at, promises)

    def _promised(self, entry: Entry, before: Facts, promises: Promises) -> None:
        event: Any = entry.event
        due_at, agreement = datetime.fromisoformat(event.due_at), self._agreement(promises)
        self._add(
            SLAClock(
                metric=Metric.PROMISE,
                sequence=self.counts.get(Metric.PROMISE, 0) + 1,
                policy_id=agreement.id if agreement and Metric.PROMISE in agreement.targets else None,
                allowance=due_at - entry.at,
                started_at=entry.at,
                counted=timedelta(0),
                running_since=entry.at,
                due_at=due_at,
                promise_id=event.promise_id,
            )
        )

    def _kept(self, entry: Entry, before: Facts, promises: Promises) -> None:
        def meet(one: SLAClock, hours: BusinessHours) -> SLAClock:
            return clock.meet(one, entry.at, hours)

        self._change([Metric.PROMISE], promises, meet, only=_of_promise(entry))

    def _withdrawn(self, entry: Entry, before: Facts, promises: Promises) -> None:
        def cancel(one: SLAClock, hours: BusinessHours) -> SLAClock:
            return clock.cancel(one, entry.at, hours)

        self._change([Metric.PROMISE], promises, cancel, only=_of_promise(entry))


def pauses(facts: Facts) -> tuple[str, ...]:
    """Return what keeps work on the ticket from going on, the weightiest reason first; none: it goes on."""
    states = [facts.status] if facts.status in {Status.PENDING, Status.ON_HOLD} else []
    return (*states, SNOOZED) if facts.snoozed else tuple(states)


def replay(entries: Iterable[Entry], promises: Promises) -> Life | None:
    """Return a ticket's life as its journal tells it, under these promises; None: no entry opens it."""
    life: Life | None = None
    for entry in entries:
        if life is not None:
            life.take(entry, promises)
        elif isinstance(entry.event, TicketOpened):
            life = Life.opened(entry, promises)
    return life


def _since_opening(metric: Metric, facts: Facts, at: datetime) -> datetime | None:
    """Return since when a clock of this metric runs on a ticket that is opened now; None: not yet."""
    if metric is Metric.FIRST_RESPONSE:
        return facts.waiting_since
    if metric in {Metric.RESOLUTION, Metric.QUEUE_WAIT}:
        return facts.waiting_since or at
    return at if metric is Metric.UPDATE and facts.answered else None


def _is_as_before(chosen: Agreement, current: Agreement, *, newest: bool) -> bool:
    return chosen.id == current.id or (chosen.origin == current.origin and not newest)


def _of_promise(entry: Entry) -> Callable[[SLAClock], bool]:
    event: Any = entry.event
    wanted: int = event.promise_id
    return lambda one: one.promise_id == wanted


def _pack_solved(solved: Solved) -> list[Any]:
    due_at, breached_at = (None if one is None else one.isoformat() for one in (solved.due_at, solved.breached_at))
    return [solved.met_at.isoformat(), due_at, breached_at, solved.counted // timedelta(microseconds=1)]


def _unpack_solved(packed: list[Any]) -> Solved:
    met_at, *others = (None if one is None else datetime.fromisoformat(one) for one in packed[:3])
    if met_at is None:
        raise ValueError("a verdict on a resolution without the moment of its solution")
    return Solved(met_at, others[0], others[1], timedelta(microseconds=packed[3]))


Move = Callable[[Life, Entry, Facts, Promises], None]

MOVES: Mapping[type[Event], Move] = {
    MessageReceived: Life._received,
    ReplyWritten: Life._replied,
    TicketAssigned: Life._assigned,
    TicketReleased: Life._released,
    TicketMoved: Life._moved,
    PriorityChanged: Life._changed,
    TagsChanged: Life._changed,
    FieldsChanged: Life._changed,
    SLARearmed: Life._rearmed,
    StatusChanged: Life._rested,
    TicketSnoozed: Life._rested,
    TicketWoke: Life._rested,
    TicketResolved: Life._resolved,
    TicketReopened: Life._reopened,
    TicketMerged: Life._merged,
    TicketAbsorbed: Life._absorbed,
    TicketSplit: Life._split,
    LiveBegan: Life._lined_up,
    CustomerAnswered: Life._spoken_to,
    CustomerLost: Life._lost,
    LiveEnded: Life._hung_up,
    PromiseMade: Life._promised,
    PromiseKept: Life._kept,
    PromiseWithdrawn: Life._withdrawn,
}

OBSERVED: frozenset[type[Event]] = frozenset({TicketOpened, *MOVES})  # no other kind moves a clock
