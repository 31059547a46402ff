"""RQ as an extension: the fast wake-up. The database is the truth, so a lost job costs seconds, never a message."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from flask import Flask, current_app
from redis import Redis, RedisError
from rq import Queue
from rq.queue import EnqueueData

from config.settings import Settings

log = structlog.get_logger()

QUEUE = "comptoir"
JOB_TIMEOUT = timedelta(seconds=60)
MAX_WAITING = 10_000
QUIET_SECONDS = 5.0
RESULT_TTL = 0  # what came of a job is in the database


@dataclass
class Jobs:
    """The application's job queue; None if it has none. After a failure it is left alone for a moment."""

    queue: Queue | None
    quiet_until: float = 0.0  # by the monotonic clock


def connect_jobs(app: Flask, settings: Settings) -> None:
    """Attach the job queue; without a Redis URL there is none, and the ticker does all the work."""
    app.extensions["comptoir.jobs"] = Jobs(_queue(settings.redis_url) if settings.redis_url else None)


def _queue(redis_url: str) -> Queue:
    return Queue(QUEUE, connection=Redis.from_url(redis_url, socket_connect_timeout=1, socket_timeout=1))


def queue() -> Queue | None:
    """Return the application's job queue; None when it has none."""
    return _jobs().queue


def wake(function: str, ids: Sequence[int]) -> None:
    """Ask the workers to run the function (a dotted path) once per id. A failure is logged: the sweep comes by."""
    jobs = _jobs()
    if jobs.queue is None or not ids or time.monotonic() < jobs.quiet_until:
        return
    try:
        jobs.queue.enqueue_many([_job(function, one) for one in ids])
    except RedisError as error:
        jobs.quiet_until = time.monotonic() + QUIET_SECONDS  # a Redis that hangs must not slow every request down
        log.warning("workers not woken", function=function, count=len(ids), error=type(error).__name__)


def are_behind() -> bool:
    """Say whether so many jobs wait that more of them would not help."""
    jobs = _jobs().queue
    try:
        return jobs is not None and int(jobs.connection.llen(jobs.key)) > MAX_WAITING
    except RedisError:
        return False


def _jobs() -> Jobs:
    found: Jobs = current_app.extensions["comptoir.jobs"]
    return found


def _job(function: str, one: int) -> EnqueueData:
    return Queue.prepare_data(
        function,
        args=(one,),
        timeout=int(JOB_TIMEOUT.total_seconds()),
        result_ttl=RESULT_TTL,
        failure_ttl=3600,
        description=f"{function}({one})",
    )
