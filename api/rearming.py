"""The job that carries edits of the rules over to open tickets (see `sla.rearming`)."""

import time
from datetime import timedelta

import structlog

from sla import rearming
from ticketing import jobs
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

JOB = "api.rearming.carry_on"
LEFT_ALONE_AFTER = timedelta(seconds=10)
SECONDS = 20.0  # of one job; it is followed by another
SECONDS_BY_THE_TICKER = 0.5  # which has other things to do, and comes by again at its next tick


def wake(rearming_id: int) -> None:
    """Ask a worker to begin."""
    jobs.wake(JOB, [rearming_id])


def left_alone() -> list[int]:
    """Claim those on which nobody works; without a job queue, nobody ever does but whoever asks."""
    now = utc_now()
    with transaction("ticker"):
        return rearming.left_alone(since=now - (LEFT_ALONE_AFTER if jobs.queue() else timedelta(0)), at=now)


def carry_on(rearming_id: int) -> None:
    """Go on for a while. Safe to call twice, and at once: one of two does it."""
    began = time.monotonic()
    until = began + (SECONDS if jobs.queue() is not None else SECONDS_BY_THE_TICKER)
    while time.monotonic() < until:
        with transaction("worker"):
            more = rearming.carry_on(rearming_id, at=utc_now())
        db.session.remove()  # neither a connection nor rows are held longer than a batch
        if not more:
            log.info("nothing left to re-arm", rearming_id=rearming_id, seconds=round(time.monotonic() - began, 1))
            return
    jobs.wake(JOB, [rearming_id])
