"""The worker: an RQ worker that runs jobs inside an application context, with ids in every log line."""

from typing import Any

import structlog
from flask import Flask
from redis import Redis
from rq import SimpleWorker
from rq.job import Job
from rq.queue import Queue

from config.settings import Settings
from ticketing import jobs
from ticketing.store import db

WORKER_TTL = 60  # seconds after which a worker that says nothing is taken for dead
MAINTENANCE_INTERVAL = 30


def run_worker(app: Flask) -> None:
    """Work until told to end (SIGTERM lets the job in hand finish)."""
    settings: Settings = app.extensions["comptoir.settings"]
    if settings.redis_url is None:
        raise RuntimeError("COMPTOIR_REDIS_URL is not set: there is no queue to work from")
    queue = Queue(jobs.QUEUE, connection=Redis.from_url(settings.redis_url))  # its waits are long on purpose
    worker = AppWorker(
        [queue], connection=queue.connection, worker_ttl=WORKER_TTL, maintenance_interval=MAINTENANCE_INTERVAL
    )
    worker.app = app
    worker.work(with_scheduler=False, logging_level="WARNING")


class AppWorker(SimpleWorker):
    """Runs each job in an application context of its own, in this very process: forking costs more than our jobs."""

    app: Flask

    def perform_job(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> bool:
        with self.app.app_context(), structlog.contextvars.bound_contextvars(job_id=job.id):
            try:
                return bool(super().perform_job(job, queue, *args, **kwargs))
            finally:
                db.session.remove()
