"""Workers are woken through a real Valkey, and a Valkey that is gone costs nothing but time."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from config.settings import Settings
from tests import servers
from ticketing import jobs

CARRY_OUT = "api.reactions.carry_out"


@pytest.fixture
def woken(sqlite_app: Flask) -> Iterator[Flask]:
    """An application with a job queue of its own."""
    settings: Settings = sqlite_app.extensions["comptoir.settings"]
    with servers.valkey() as url:
        jobs.connect_jobs(sqlite_app, replace(settings, redis_url=url))
        yield sqlite_app
        queue = jobs.queue()
        assert queue is not None
        queue.connection.close()


def test_each_id_is_a_job(woken: Flask) -> None:
    jobs.wake(CARRY_OUT, [1, 2])
    jobs.wake(CARRY_OUT, [])

    queue = jobs.queue()
    assert queue is not None
    assert [(job.func_name, job.args) for job in queue.jobs] == [(CARRY_OUT, (1,)), (CARRY_OUT, (2,))]


def test_workers_that_are_behind_are_left_alone(woken: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 2)

    jobs.wake(CARRY_OUT, [1, 2])
    before = jobs.are_behind()
    jobs.wake(CARRY_OUT, [3])

    assert (before, jobs.are_behind()) == (False, True)


def test_a_valkey_that_is_gone_raises_nothing_and_is_left_alone_for_a_moment(sqlite_app: Flask) -> None:
    settings: Settings = sqlite_app.extensions["comptoir.settings"]
    with servers.valkey() as url:
        pass  # and now it is gone
    jobs.connect_jobs(sqlite_app, replace(settings, redis_url=url))

    began_at = time.monotonic()
    jobs.wake(CARRY_OUT, [1])
    found: jobs.Jobs = sqlite_app.extensions["comptoir.jobs"]

    assert found.quiet_until >= began_at + jobs.QUIET_SECONDS
    assert not jobs.are_behind()
