"""The job that works off replays (see `sla.replaying`), and the comparisons of shadows that nobody has to ask for."""

import time
from datetime import timedelta

import structlog

from sla import replaying, shadow
from ticketing import jobs
from ticketing.errors import TicketingError
from ticketing.moment import utc_now
from ticketing.transaction import transaction

log = structlog.get_logger()

JOB = "api.replaying.carry_on"
LEFT_ALONE_AFTER = timedelta(seconds=15)
SPAN = timedelta(seconds=3)  # of one job; then whatever else waits has its turn
SPAN_BY_THE_TICKER = timedelta(seconds=0.5)  # which has other things to do, and comes by again at its next tick


def wake(replay_id: int) -> None:
    """Ask a worker to begin."""
    jobs.wake(JOB, [replay_id])


def carry_on(replay_id: int) -> None:
    """Go on for a while. Safe to call twice, and at once: what one of two does counts."""
    began = time.monotonic()
    most = SPAN if jobs.queue() is not None else SPAN_BY_THE_TICKER
    if replaying.advance(replay_id, now=utc_now, most=most):
        jobs.wake(JOB, [replay_id])
        return
    log.info("replay rests", replay_id=replay_id, seconds=round(time.monotonic() - began, 1))
    following = replaying.next_one()
    if following is not None and following != replay_id:
        jobs.wake(JOB, [following])


def left_alone() -> list[int]:
    """Claim the replay on which nobody works; without a job queue, nobody ever does but whoever asks."""
    if replaying.next_one() is None:
        return []
    now = utc_now()
    since = now - (LEFT_ALONE_AFTER if jobs.queue() is not None else timedelta(0))
    with transaction("ticker"):
        found = replaying.left_alone(since=since, at=now)
    return [] if found is None else [found]


def compare_shadows() -> None:
    """Ask for the comparison of every shadow policy that has been watched for long enough."""
    for origin in shadow.watched(utc_now()):
        try:
            with transaction("ticker"):
                replay_id = shadow.compare(origin, by=None, at=utc_now()).id
        except TicketingError as error:  # such as too many replays that wait: the next time comes
            log.warning("shadow not compared", policy=origin, reason=str(error))
            continue
        wake(replay_id)
