"""RQ as an extension: the fast wake-up. The database is the truth, so a lost job costs seconds, never a message."""

from collections.abc import Sequence
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
RESULT_TTL = 0  # what came of a job is in the database


def connect_jobs(app: Flask, settings: Settings) -> None:
    """Attach the job queue; without a Redis URL there is none, and the sweep does all the work."""
    if settings.redis_url is None:
        app.extensions["comptoir.jobs"] = None
        return
    connection = Redis.from_url(settings.redis_url, socket_connect_timeout=2, socket_timeout=5)
    app.extensions["comptoir.jobs"] = Queue(QUEUE, connection=connection)


def queue() -> Queue | None:
    """Return the application's job queue; None when it has none."""
    found: Queue | None = current_app.extensions["comptoir.jobs"]
    return found


def wake(function: str, ids: Sequence[int]) -> None:
    """Ask the workers to run the function (a dotted path) once per id. A failure is logged: the sweep comes by."""
    jobs = queue()
    if jobs is None or not ids:
        return
    try:
        jobs.enqueue_many([_job(function, one) for one in ids])
    except RedisError as error:
        log.warning("workers not woken", function=function, count=len(ids), error=type(error).__name__)


def _job(function: str, one: int) -> EnqueueData:
    return Queue.prepare_data(
        function,
        args=(one,),
        timeout=int(JOB_TIMEOUT.total_seconds()),
        result_ttl=RESULT_TTL,
        failure_ttl=3600,
        description=f"{function}({one})",
    )
