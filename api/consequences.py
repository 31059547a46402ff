"""Carry out what policies want done at the steps of clocks: jobs for the workers, and what the ticker finds left."""

import time

import structlog
from flask import current_app

from api import signed_posts
from config.settings import Settings
from sla import consequences
from ticketing import jobs
from ticketing.errors import TicketingError
from ticketing.moment import rfc3339, utc_now
from ticketing.transaction import transaction

log = structlog.get_logger()

CLAIMED = 5  # at a time: even if each is a post that hangs, a job ends in good time
LONG_ENOUGH = 15.0  # seconds, after which the rest is another job's
JOB = "api.consequences.carry_out_some"


def carry_out_some(number: int = 0) -> None:
    """Carry out what is due, for a while; what is left then wakes another job. `number` tells jobs apart, no more."""
    until = time.monotonic() + LONG_ENOUGH
    while True:
        with transaction("sla"):
            ids = consequences.claim(utc_now(), CLAIMED)
        for one in ids:
            carry_out(one)
        if len(ids) < CLAIMED:
            return
        if time.monotonic() >= until:
            jobs.wake(JOB, [number])
            return


def carry_out(consequence_id: int) -> None:
    """Carry out one of them. One that fails is tried again later; one that never can be done says why."""
    try:
        with transaction("sla"):
            url = consequences.carry_out(consequence_id, at=utc_now())
        if url is not None:
            _post(consequence_id, url)
    except TicketingError as error:
        _failed(consequence_id, str(error), for_good=True)
    except signed_posts.NotTaken as error:
        _failed(consequence_id, str(error), for_good=error.for_good)
    except Exception as error:
        # A bug in one of them must not keep the others from being carried out.
        log.exception("consequence failed", consequence_id=consequence_id)
        _failed(consequence_id, type(error).__name__, for_good=False)


def _post(consequence_id: int, url: str) -> None:
    settings: Settings = current_app.extensions["comptoir.settings"]
    with transaction("sla"):
        content = consequences.about(consequence_id)
    now = utc_now()
    signed_posts.post(
        url,
        {**content, "timestamp": rfc3339(now)},
        message_id=f"consequence_{consequence_id}",
        secret=signed_posts.secret_of(url, settings),
        at=now,
        settings=settings,
    )
    with transaction("sla"):
        consequences.done(consequence_id, at=utc_now())


def _failed(consequence_id: int, reason: str, *, for_good: bool) -> None:
    with transaction("sla"):
        consequences.failed(consequence_id, reason, at=utc_now(), for_good=for_good)
    log.warning("consequence not carried out", consequence_id=consequence_id, reason=reason, for_good=for_good)
