"""The ticker: finds what falls due and what was left undone. Exactly one acts at a time, others stand by."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog
from flask import Flask, current_app

from api import (
    alerting,
    assigning,
    calling,
    calling_back,
    consequences,
    feeds,
    reactions,
    rearming,
    reconciliation,
    recorded,
    replaying,
    visiting,
)
from api.leader import Leadership
from channels import delivery, reconciling, webchat
from channels.phone import answering, callbacks, calls
from channels.webchat import following
from config.settings import Settings
from sla import calendar_versions, notices, sweep
from sla import consequences as what_follows
from ticketing import (
    assignment,
    attachments,
    closing,
    jobs,
    journal,
    kept_answers,
    onlookers,
    sessions,
    snoozing,
    untold,
)
from ticketing.errors import TicketingError
from ticketing.events import SYSTEM
from ticketing.moment import utc_now
from ticketing.store import db, dialect
from ticketing.transaction import transaction

log = structlog.get_logger()

CHORES_EVERY = 60.0  # seconds
BATCH = 100  # tickets in one transaction: whoever asks for the next ticket waits for its end
CLOCKS = 500  # likewise; they are swept in a handful of statements
SWEEPERS = {"postgresql": 2, "sqlite": 1}  # at once, where many fall due: while the database writes, one of us thinks


def run_ticker(app: Flask, stop: threading.Event) -> None:
    """Tick until told to stop. A task that fails is logged and tried again at the next tick, the others go on."""
    settings: Settings = app.extensions["comptoir.settings"]
    leadership = Leadership(app, settings)
    chores_at = time.monotonic()
    try:
        while not stop.is_set():
            started = time.monotonic()
            if leadership.is_mine():
                tick(app, chores=started >= chores_at)
                if started >= chores_at:
                    chores_at = started + CHORES_EVERY
            stop.wait(max(0.0, settings.tick_seconds - (time.monotonic() - started)))
    finally:
        leadership.give_up()


def tick(app: Flask, *, chores: bool = True) -> None:
    """Do every periodic task once; `chores` are those that nobody waits for."""
    for task in TASKS + CHORES if chores else TASKS:
        _run(app, task)


def _run(app: Flask, task: Callable[[], None]) -> None:
    with app.app_context():
        try:
            task()
        except Exception:
            # One task's trouble (a database that is away, a bug) must not stop the other clocks of the desk.
            log.exception("tick failed", task=task.__name__)
        finally:
            db.session.remove()


def flag_due_clocks() -> None:
    """Flag the SLA clocks whose deadline has passed, in batches so that no transaction is long."""
    if _sweep() < CLOCKS:
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(SWEEPERS[dialect()]) as threads:
        for done in [threads.submit(_sweep_on, app) for _ in range(SWEEPERS[dialect()])]:
            done.result()


def _sweep_on(app: Flask) -> None:
    """Flag batch after batch until little is left."""
    with app.app_context():
        try:
            while _sweep() >= CLOCKS:  # a batch may hold more than was asked for
                pass
        finally:
            db.session.remove()


def _sweep() -> int:
    with transaction("ticker"):
        swept = sweep.flag_due(utc_now(), limit=CLOCKS)
    if swept.clocks:
        log.info("clocks swept", clocks=swept.clocks, breached=swept.breached, consequences=swept.consequences)
    return swept.clocks


def carry_out_consequences() -> None:
    """Wake a worker for what policies want done by now: what the sweep has just recorded, and what was left."""
    if what_follows.are_waiting(utc_now()):
        _hand_out(consequences.carry_out_some, [0])


def send_notices() -> None:
    """Wake workers for agents who are to be told something outside the app."""
    _hand_out(alerting.send_to, notices.agents_to_tell(utc_now()))


def wake_snoozed_tickets() -> None:
    """Bring back the tickets that were put off until now."""
    _in_batches(snoozing.wake_due, "tickets woke")


def call_back() -> None:
    """Bring the customers to their places in the line whose callbacks are due."""
    _hand_out(calling_back.fall_due, callbacks.due_ids(utc_now()))


def close_solved_tickets() -> None:
    """Close the tickets whose grace period after solving is over."""
    _in_batches(closing.close_due, "tickets closed")


def _in_batches(task: Callable[[datetime, int], int], told: str) -> None:
    while True:
        with transaction("ticker"):
            count = task(utc_now(), BATCH)
        if count:
            log.info(told, count=count)
        if count < BATCH:
            return


def end_stale_live_waits() -> None:
    """Find who no longer waits at the other end, though nobody told us."""
    with transaction("ticker"):
        ended = webchat.end_abandoned(utc_now()) + calls.end_lost(utc_now())
    if ended:
        log.info("live waits ended", tickets=ended)


def note_gone_visitors() -> None:
    """Note which visitors of chats have left, so that replies follow them."""
    _hand_out(visiting.note_away, following.gone(utc_now()))


def forget_old_answers() -> None:
    """Delete answers whose `Idempotency-Key` counts no more, and logins that have long ended."""
    now = utc_now()
    with transaction("ticker"):
        kept_answers.forget_old(before=now - kept_answers.KEPT_FOR, limit=BATCH)
        sessions.forget_old(before=now - sessions.LIFETIME, limit=BATCH)


def expire_leases() -> None:
    """Find out which deliveries nobody will ever finish."""
    with transaction("ticker"):
        tickets = delivery.expire_leases(utc_now())
    if tickets:
        log.warning("deliveries of unknown outcome", tickets=tickets)
    _hand_out(reactions.retry_deliveries, tickets)


def wake_for_entries() -> None:
    """Wake workers for journal entries whose consequences are still to come."""
    with transaction("ticker"):
        ids = journal.undispatched(utc_now())
    if ids:
        log.warning("journal entries swept", count=len(ids))
    _hand_out(reactions.carry_out, ids)


def tell_what_was_left() -> None:
    """Tell whoever listens of the journal entries that nobody has told of."""
    untold.tell_what_was_left()


def wake_for_retries() -> None:
    """Wake workers for messages whose next attempt is due."""
    with transaction("ticker"):
        tickets = delivery.tickets_to_retry(utc_now())
    _hand_out(reactions.retry_deliveries, tickets)


def catch_up_calls() -> None:
    """Decide of calls what no word has come of, and free the agents who are on none any more."""
    _hand_out(calling.catch_up, answering.overdue(utc_now()))
    _hand_out(calling.free_stranded, answering.stranded(utc_now()))


def hand_out_what_waits() -> None:
    """Wake workers for agents who could take more, and for whom nobody has looked in good time."""
    with transaction("ticker"):
        agents = assignment.left_undrained(utc_now())
    _hand_out(assigning.drain_for, agents)


def go_on_rearming() -> None:
    """Wake workers for edits of the rules that nobody carries over to open tickets at the moment."""
    _hand_out(rearming.carry_on, rearming.left_alone())


def go_on_replaying() -> None:
    """Wake a worker for the replay that nobody works on at the moment."""
    _hand_out(replaying.carry_on, replaying.left_alone())


def compare_shadows() -> None:
    """Ask what the shadow policies would have done that have been watched for a week."""
    replaying.compare_shadows()


def read_feeds() -> None:
    """Wake workers for the calendar feeds that are to be read today."""
    _hand_out(feeds.read, feeds.due())


def renew_holidays() -> None:
    """Give the calendars whose holidays come to an end soon those of later years."""
    for calendar_id in calendar_versions.running_out(at=utc_now()):
        try:
            with transaction("ticker"):
                calendar_versions.renew_holidays(calendar_id, by=SYSTEM, at=utc_now())
        except TicketingError as error:
            log.warning("holidays not renewed", calendar_id=calendar_id, error=error.code)


def forget_onlookers() -> None:
    """Delete who looked at a ticket a while ago."""
    if onlookers.are_expired(utc_now()):
        with transaction("ticker"):
            onlookers.forget_expired(utc_now())


def remove_unused_uploads() -> None:
    """Remove the uploads that no message and no draft has taken, then the bytes that nothing else names."""
    with transaction("ticker"):
        digests = attachments.remove_unused(utc_now())
    if digests:
        gone = attachments.discard(digests, now=utc_now())
        log.info("unused uploads removed", uploads=len(digests), files=gone)


def reconcile_with_twilio() -> None:
    """Wake a worker to ask Twilio for what no webhook told us."""
    if reconciling.is_due(utc_now()):
        _hand_out(reconciliation.reconcile, [0])


def delete_old_recordings() -> None:
    """Delete our copies of the recordings whose days are over."""
    if count := recorded.delete_overdue(BATCH):
        log.info("recordings deleted, their days are over", count=count)


def _hand_out(function: Callable[[int], None], ids: Sequence[int]) -> None:
    """Wake workers for the function, once per id; a desk without a job queue has none, so the ticker does it itself."""
    if jobs.queue() is not None:
        if jobs.are_behind():
            return  # they have more than enough to do; waking them again for the same would only pile up
        jobs.wake(f"{function.__module__}.{function.__name__}", ids)
        return
    for one in ids:
        try:
            function(one)
        except Exception:
            log.exception("job failed", function=function.__name__, id=one)  # and on to the next, which may be well
        finally:
            db.session.remove()


TASKS: tuple[Callable[[], None], ...] = (
    flag_due_clocks,
    carry_out_consequences,
    send_notices,
    call_back,
    wake_snoozed_tickets,
    close_solved_tickets,
    expire_leases,
    wake_for_entries,
    tell_what_was_left,
    wake_for_retries,
    end_stale_live_waits,
    note_gone_visitors,
    catch_up_calls,
    hand_out_what_waits,
    go_on_rearming,
    go_on_replaying,
)
CHORES: tuple[Callable[[], None], ...] = (
    forget_onlookers,
    remove_unused_uploads,
    delete_old_recordings,
    reconcile_with_twilio,
    forget_old_answers,
    read_feeds,
    renew_holidays,
    compare_shadows,
)
