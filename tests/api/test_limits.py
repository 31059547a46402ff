"""Whoever calls too often is told to wait, and how they stand; a Redis that is away never costs an answer."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import limits
from api.app import create_app
from api.limits import Limits
from config.settings import Rate
from tests import make, servers
from tests.api.desk import Desk
from ticketing.store import db

HOURLY = Rate(5, 3600)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with servers.valkey() as url:
        yield url


@pytest.fixture
def limited(sqlite_app: Flask) -> Iterator[Callable[..., FlaskClient]]:
    """Make a client of an application with limits, on the same store."""
    apps = []

    def make_one(**values: Any) -> FlaskClient:
        apps.append(create_app(replace(sqlite_app.extensions["comptoir.settings"], **values)))
        return apps[-1].test_client()

    yield make_one
    for one in apps:
        with one.app_context():
            db.engine.dispose()


def test_every_answer_says_how_one_stands(limited: Callable[..., FlaskClient]) -> None:
    desk = Desk(limited(rate_limit=HOURLY))

    answers = [desk.get("/queues") for _ in range(7)]

    assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
    assert answers[0].headers["RateLimit-Policy"] == '"caller";q=5;w=3600'
    assert [one.headers["RateLimit"].split(";")[1] for one in answers] == ["r=4", "r=3", "r=2", "r=1", "r=0"] + [
        "r=0"
    ] * 2
    assert answers[5].json["code"] == "rate_limited"
    assert 1 <= int(answers[5].headers["Retry-After"]) <= 3600


def test_each_token_has_its_own_limit(limited: Callable[..., FlaskClient]) -> None:
    client = limited(rate_limit=Rate(1, 3600))
    first, second = Desk(client), Desk(client)

    assert [first.get("/queues").status_code, first.get("/queues").status_code] == [200, 429]
    assert second.get("/queues").status_code == 200


def test_without_a_limit_there_are_no_headers(limited: Callable[..., FlaskClient]) -> None:
    assert "RateLimit" not in Desk(limited(rate_limit=None)).get("/queues").headers


def test_a_chat_visitor_is_limited_by_address_until_they_have_a_token(limited: Callable[..., FlaskClient]) -> None:
    client = limited(chat_rate_limit=Rate(2, 3600))

    statuses = [client.post("/chat/sessions", json={}).status_code for _ in range(3)]

    assert statuses[2] == 429
    assert 429 not in statuses[:2]


def test_wrong_secrets_are_refused_by_the_address_and_good_ones_pass(limited: Callable[..., FlaskClient]) -> None:
    client = limited(login_rate_limit=Rate(10, 60))

    statuses = [client.post("/inbound/email", data=b"x").status_code for _ in range(70)]

    assert set(statuses[:60]) == {403}
    assert 429 in statuses


@pytest.mark.parametrize(
    ("proxies", "status"),
    [(0, 429), (1, 200)],
)
def test_the_client_behind_a_proxy_counts_only_where_we_are_told_of_one(
    limited: Callable[..., FlaskClient], proxies: int, status: int
) -> None:
    client = limited(chat_rate_limit=Rate(1, 3600), trusted_proxies=proxies)
    make.inbox(make.Channel.CHAT, queue=make.queue())

    def knock(forwarded: str) -> int:
        answer = client.post("/chat/sessions", json={"widget": "widget"}, headers={"X-Forwarded-For": forwarded})
        return 200 if answer.status_code < 400 else answer.status_code

    assert knock("192.0.2.1, 198.51.100.1") == 200
    assert knock("192.0.2.1, 198.51.100.2") == status
    assert knock("203.0.113.9, 198.51.100.1") == 429  # what the client itself claims counts for nothing


def test_at_the_turn_of_a_window_there_is_no_double_ration(monkeypatch: pytest.MonkeyPatch) -> None:
    counters, rate = Limits(None), Rate(100, 1)

    def passed_at(moment: float) -> int:
        monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda: moment))
        return sum(not counters.hit("ada", rate).is_over for _ in range(150))

    before, after = passed_at(1000.75), passed_at(1001.125)

    assert (before, after) == (100, 12)  # seven eighths of those before still count


def test_two_processes_share_a_limit_through_redis(redis_url: str) -> None:
    both, rate = (Limits(redis_url), Limits(redis_url)), Rate(10, 3600)

    passed = sum(not counters.hit("shared", rate, exactly=True).is_over for _ in range(10) for counters in both)

    assert passed == 10


def test_what_is_given_back_can_be_used_again(redis_url: str) -> None:
    for counters in (Limits(None), Limits(redis_url)):
        for _ in range(20):
            assert not counters.hit("back", HOURLY, exactly=True).is_over
            counters.give_back("back", HOURLY)


def test_most_requests_ask_nothing_of_redis(redis_url: str) -> None:
    from redis import Redis

    counters, watch = Limits(redis_url), Redis.from_url(redis_url)
    counters.hit("quiet", Rate(100_000, 60))
    before = watch.info("stats")["total_commands_processed"]
    for _ in range(100):
        counters.hit("quiet", Rate(100_000, 60))

    assert watch.info("stats")["total_commands_processed"] - before < 20
    watch.close()


def test_a_redis_that_is_away_costs_a_moment_once_and_never_an_answer(
    limited: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "QUIET_SECONDS", 3600.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and says nothing
        silent.setblocking(False)
        desk = Desk(limited(rate_limit=HOURLY, redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}"))

        first = desk.get("/queues").status_code
        asked_at_first = connections_to(silent)
        others = [desk.get("/queues").status_code for _ in range(5)]
        asked_later = connections_to(silent)

    assert [first, *others] == [200] * 5 + [429]
    assert asked_at_first > 0
    assert asked_later == 0


def connections_to(listener: socket.socket) -> int:
    """Count and end the connections that have come since the last time."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_strangers_do_not_fill_the_memory() -> None:
    counters = Limits(None)
    for number in range(25_000):
        counters.hit(f"chat:{number}", HOURLY)

    assert len(counters._counters) <= 20_000
