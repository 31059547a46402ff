"""The job that reads calendar feeds (see `sla.feeds`): asks the other side, by day, and only for what is new."""

import structlog
from flask import current_app

from api import outgoing
from api.off_loop import off_loop
from config.settings import Settings
from sla import feeds
from sla.ical import MOST_BYTES, read_closings
from sla.public_holidays import days_around
from ticketing import jobs
from ticketing.errors import TicketingError
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

log = structlog.get_logger()

JOB = "api.feeds.read"
TIMEOUT = 10.0
REDIRECTS = 3
AT_ONCE = 20  # feeds in one round


def wake(feed_id: int) -> None:
    """Ask a worker to read a feed now."""
    jobs.wake(JOB, [feed_id])


def due() -> list[int]:
    """Claim the feeds that are to be read. Without a job queue the ticker reads them, one in a round: it has clocks."""
    with transaction("ticker"):
        return feeds.claim_due(at=utc_now(), limit=AT_ONCE if jobs.queue() is not None else 1)


def read(feed_id: int) -> None:
    """Read a feed; its calendar gets a new version if it says anything new. Safe to call twice."""
    try:
        _read(feed_id)
    except TicketingError as error:
        db.session.remove()
        log.warning("feed not read", feed_id=feed_id, error=error.code)
        with transaction("worker"):
            feeds.note(feed_id, at=utc_now(), error=str(error))


def _read(feed_id: int) -> None:
    asked = feeds.question(feed_id, at=utc_now())
    db.session.remove()  # no connection is held while the other side takes its time
    if asked is None:
        return
    settings: Settings = current_app.extensions["comptoir.settings"]
    answer = outgoing.fetch(
        asked.url,
        headers={"Accept": "text/calendar", **({"If-None-Match": asked.etag} if asked.etag else {})},
        limit_bytes=MOST_BYTES,
        timeout_seconds=TIMEOUT,
        allow_private=settings.private_addresses,
        redirects=REDIRECTS,
    )
    now = utc_now()
    if answer.status == 304 and asked.etag:
        with transaction("worker"):
            feeds.note(feed_id, at=now)
        return
    if not answer.is_ok:
        raise outgoing.CallFailed(f"the feed answers {answer.status}")
    since, until = days_around(now.year)
    said = off_loop(lambda: read_closings(answer.body, asked.time_zone, since=since, until=until))
    with transaction("worker"):
        change = feeds.take(feed_id, said.days, answer.headers.get("etag", ""), at=now)
        policies = len(change.policies) if change else 0
    log.info("feed read", feed_id=feed_id, days=len(said.days), policies=policies)
