"""Calendar feeds: followed, read by day and only when something is new, and never from our own network."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from api import feeds as job
from api.tick import read_feeds
from sla import feeds
from sla.models import Calendar, CalendarFeed
from tests import make
from tests.api.desk import admin
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

EVENT = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:2026{}\nSUMMARY:Off\nRRULE:FREQ=YEARLY\nEND:VEVENT\n"
CLOSED = f"BEGIN:VCALENDAR\n{EVENT}END:VCALENDAR\n"


class Handler(BaseHTTPRequestHandler):
    """Serves one feed, whose words, status and tag the test sets."""

    server: Any

    def do_GET(self) -> None:
        asked = self.headers.get("If-None-Match", "")
        self.server.asked.append(asked)
        status = 304 if asked and asked == self.server.etag else self.server.status
        self.send_response(status)
        self.send_header("ETag", self.server.etag)
        self.end_headers()
        if status != 304:
            self.wfile.write(self.server.words.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status, server.etag, server.words = [], 200, '"1"', CLOSED.format("1224")
    server.url = f"http://127.0.0.1:{server.server_port}/closed.ics"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An application that may call its own network."""
    settings = replace(sqlite_app.extensions["comptoir.settings"], private_addresses=True)
    monkeypatch.setitem(sqlite_app.extensions, "comptoir.settings", settings)
    return sqlite_app


def version() -> Calendar:
    db.session.remove()
    return db.session().scalars(select(Calendar).where(Calendar.archived_at.is_(None))).one()


def of_feed() -> CalendarFeed:
    db.session.remove()
    return db.session().scalars(select(CalendarFeed)).one()


def test_a_feed_closes_its_days_and_a_version_comes_only_of_news(home: Flask, elsewhere: Any) -> None:
    feed = make.feed(make.calendar(), elsewhere.url)
    year = utc_now().year

    job.read(feed.id)
    first, told = version().version, version().definition["imported"][f"{year + 1}-12-24"]
    job.read(feed.id)  # nothing is new, says the other side
    elsewhere.etag = '"2"'
    job.read(feed.id)  # it says that something is, but nothing is
    same = version().version
    elsewhere.etag, elsewhere.words = '"3"', CLOSED.format("1231")
    job.read(feed.id)

    assert told == {"spans": [], "name": "Off", "source": f"feed:{feed.id}"}
    assert (first, same, version().version) == (2, 2, 3)
    assert f"{year}-12-24" not in version().definition["imported"]
    assert elsewhere.asked == ["", '"1"', '"1"', '"2"']
    assert (of_feed().error, of_feed().read_at is not None) == ("", True)


def test_trouble_is_told_and_changes_nothing(home: Flask, elsewhere: Any) -> None:
    feed = make.feed(make.calendar(), elsewhere.url)
    job.read(feed.id)
    errors = []

    for status, words in ((500, ""), (200, "<html>Log in</html>"), (200, "x" * 1_000_001)):
        elsewhere.status, elsewhere.words, elsewhere.etag = status, words, f'"{status}{len(words)}"'
        job.read(feed.id)
        errors.append(of_feed().error)

    assert "answers 500" in errors[0]
    assert "no iCalendar file" in errors[1]
    assert "more than 1000000 bytes" in errors[2]
    assert version().version == 2


def test_our_own_network_is_never_called(sqlite_app: Flask, elsewhere: Any) -> None:
    desk, calendar = admin(sqlite_app.test_client()), make.calendar()

    refused = [
        desk.post(f"/sla/calendars/{calendar.id}/feeds", {"url": url}).status_code
        for url in (
            "ftp://example.com/",
            "https://user@example.com/",
            "https://example.com:25/",
            "http://127.0.0.1/",
            5,
            None,
        )
    ]
    feed = desk.post(f"/sla/calendars/{calendar.id}/feeds", {"url": elsewhere.url.replace("127.0.0.1", "localhost")})
    job.read(feed.json["id"])

    assert refused == [422] * 6
    assert feed.status_code == 201
    assert "not on the public internet" in of_feed().error
    assert elsewhere.asked == []


def test_a_feed_that_is_followed_no_more_opens_its_days(home: Flask, elsewhere: Any) -> None:
    desk, calendar = admin(home.test_client()), make.calendar()
    path = f"/sla/calendars/{calendar.origin}/feeds"
    feed = desk.post(path, {"url": elsewhere.url}).json
    twice = desk.post(path, {"url": elsewhere.url})
    job.read(feed["id"])

    listed = desk.get(path).json["items"]
    others = desk.delete(f"/sla/calendars/999/feeds/{feed['id']}")
    gone = desk.delete(f"{path}/{feed['id']}")
    job.read(feed["id"])

    assert twice.status_code == 409
    assert [one["url"] for one in listed] == [elsewhere.url]
    assert others.status_code == 404
    assert (gone.status_code, gone.json["version"], gone.json["imported"]) == (200, 3, {})
    assert desk.get(path).json["items"] == []


def test_each_feed_is_read_once_a_day(home: Flask, elsewhere: Any) -> None:
    make.feed(make.calendar(), elsewhere.url)

    read_feeds()
    read_feeds()

    assert elsewhere.asked == [""]
    assert of_feed().next_at > utc_now() + timedelta(hours=23)


def test_two_tickers_claim_a_feed_once(app: Flask) -> None:
    feed = make.feed(make.calendar()).id

    claims = []
    for _ in range(2):
        with transaction("test"):
            claims.append(feeds.claim_due(at=utc_now(), limit=5))

    assert claims == [[feed], []]


def test_a_desk_that_moves_reads_its_feeds_again(home: Flask, elsewhere: Any) -> None:
    desk, calendar = admin(home.test_client()), make.calendar()
    feed = make.feed(calendar, elsewhere.url)
    job.read(feed.id)

    desk.put(f"/sla/calendars/{calendar.origin}", {"name": "Desk", "time_zone": "Asia/Tokyo", "weekly": {}})

    assert (of_feed().etag, of_feed().next_at <= utc_now()) == ("", True)
