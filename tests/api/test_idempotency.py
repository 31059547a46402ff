"""A POST that is sent again with its key does nothing again, whatever happens in between."""

import io
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.tick import forget_old_answers
from tests import make
from tests.api.desk import Desk, promise
from ticketing.models import JournalEntry, KeptAnswer, Message, MessageKind, Ticket
from ticketing.moment import utc_now
from ticketing.store import db
from ticketing.transaction import transaction

NEW = {"subject": "The kettle leaks", "body": "It drips.", "customer": {"name": "Karim"}}
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


@pytest.fixture
def desk(app: Flask, client: FlaskClient) -> Desk:
    promise()
    make.queue("Kettles")
    return Desk(client)


def at_once(app: Flask, count: int, call: Any) -> list[TestResponse]:
    """Call from as many threads at once, each with a client of its own."""
    answers: list[TestResponse] = []
    gate = threading.Barrier(count)

    def run() -> None:
        client = app.test_client()
        gate.wait(60)
        answers.append(call(client))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def tickets() -> int:
    db.session().rollback()
    return db.session().query(Ticket).count()


def test_the_same_request_again_gets_the_same_answer_and_makes_nothing(desk: Desk) -> None:
    first = desk.post("/tickets", NEW, headers=KEY)
    second = desk.post("/tickets", NEW, headers=KEY)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.data == first.data
    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.content_type == first.content_type
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert tickets() == 1


def test_a_key_in_quotes_is_the_same_key(desk: Desk) -> None:
    desk.post("/tickets", NEW, headers=KEY)
    quoted = desk.post("/tickets", NEW, headers={"Idempotency-Key": f'"{KEY["Idempotency-Key"]}"'})

    assert quoted.headers["Idempotency-Replayed"] == "true"


def test_without_a_key_everything_is_done_each_time(desk: Desk) -> None:
    desk.post("/tickets", NEW)
    desk.post("/tickets", NEW)

    assert tickets() == 2
    assert db.session().query(KeptAnswer).count() == 0


@pytest.mark.parametrize("path", ["/tickets?x=1", "/tickets"])
def test_the_key_of_another_request_is_refused(desk: Desk, path: str) -> None:
    desk.post("/tickets", NEW, headers=KEY)

    answer = desk.post(path, {**NEW, "subject": "Other"}, headers=KEY)

    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert tickets() == 1


def test_the_key_at_another_address_is_refused(desk: Desk) -> None:
    ticket = desk.post("/tickets", NEW, headers=KEY).json["id"]

    answer = desk.post(f"/tickets/{ticket}/notes", {"body": "Look."}, headers=KEY)

    assert answer.json["code"] == "idempotency_key_reused"


def test_everybody_has_keys_of_their_own(desk: Desk, client: FlaskClient) -> None:
    first = desk.post("/tickets", NEW, headers=KEY)
    other = Desk(client).post("/tickets", NEW, headers=KEY)
    same_agent = Desk(client, desk.agent).post("/tickets", NEW, headers=KEY)

    assert len({one.json["id"] for one in (first, other, same_agent)}) == 3


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb", '""'])
def test_a_key_that_is_none_is_refused(desk: Desk, key: str) -> None:
    answer = desk.post("/tickets", NEW, headers={"Idempotency-Key": key})

    assert answer.status_code == 422
    assert tickets() == 0


def test_a_request_that_fails_keeps_nothing_and_may_be_repeated(desk: Desk) -> None:
    make.inbox()
    ticket = make.ticket()
    path = f"/tickets/{ticket.id}/replies"
    bad = desk.post(path, {"body": ""}, headers=KEY)
    nobody = desk.post("/tickets", {**NEW, "customer": {"id": 999}}, headers=KEY)

    answer = desk.post(path, {"body": "We are on it."}, headers=KEY)

    assert (bad.status_code, nobody.status_code, answer.status_code) == (422, 422, 201)


def test_ten_at_once_with_one_key_open_one_ticket(app: Flask, desk: Desk) -> None:
    headers = {**desk.headers, **KEY}

    answers = at_once(app, 10, lambda client: client.post("/api/v1/tickets", json=NEW, headers=headers))

    assert len(answers) == 10
    assert tickets() == 1
    assert {one.status_code for one in answers} <= {201, 409}
    done = [one for one in answers if one.status_code == 201]
    assert len({one.data for one in done}) == 1
    assert sum("Idempotency-Replayed" not in one.headers for one in done) == 1
    assert all(one.json["code"] == "in_progress" and one.headers["Retry-After"] for one in answers if one not in done)


def test_ten_at_once_with_one_key_write_one_reply(app: Flask, desk: Desk) -> None:
    make.inbox()
    ticket = make.ticket()
    headers, path = {**desk.headers, **KEY}, f"/api/v1/tickets/{ticket.id}/replies"

    answers = at_once(app, 10, lambda client: client.post(path, json={"body": "We are on it."}, headers=headers))

    db.session().rollback()
    assert {one.status_code for one in answers} <= {201, 409}
    assert db.session().query(Message).filter(Message.kind == MessageKind.OUTBOUND).count() == 1
    assert db.session().query(JournalEntry).filter(JournalEntry.kind == "reply_written").count() == 1


def test_another_process_gives_the_same_answer(app: Flask, desk: Desk) -> None:
    first = desk.post("/tickets", NEW, headers=KEY)
    other = create_app(app.extensions["comptoir.settings"])

    try:
        answer = other.test_client().post("/api/v1/tickets", json=NEW, headers={**desk.headers, **KEY})
    finally:
        with other.app_context():
            db.engine.dispose()

    assert answer.data == first.data
    assert answer.headers["Idempotency-Replayed"] == "true"


def lose_answer(ago: timedelta) -> None:
    """Leave the store as a process leaves it that dies between the commit and the answer."""
    with transaction("test") as session:
        session.query(KeptAnswer).update({"status": None, "body": None, "headers": {}, "at": utc_now() - ago})


def test_after_a_crash_between_commit_and_answer_the_work_is_not_done_again(desk: Desk) -> None:
    desk.post("/tickets", NEW, headers=KEY)
    lose_answer(timedelta(minutes=2))

    answer = desk.post("/tickets", NEW, headers=KEY)

    assert (answer.status_code, answer.json["code"]) == (409, "answer_lost")
    assert tickets() == 1


def test_while_the_first_may_still_answer_the_second_is_told_to_wait(desk: Desk) -> None:
    desk.post("/tickets", NEW, headers=KEY)
    lose_answer(timedelta(seconds=1))

    answer = desk.post("/tickets", NEW, headers=KEY)

    assert (answer.status_code, answer.json["code"]) == (409, "in_progress")
    assert answer.headers["Retry-After"] == "1"
    assert tickets() == 1


def test_a_failure_after_the_commit_does_not_do_the_work_twice(
    app: Flask, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = app.view_functions["tickets.Tickets"]
    monkeypatch.setitem(app.view_functions, "tickets.Tickets", _breaking(view))

    broken = desk.post("/tickets", NEW, headers=KEY)
    again = desk.post("/tickets", NEW, headers=KEY)

    assert broken.status_code == 500
    assert again.json["code"] == "in_progress"
    assert tickets() == 1


def _breaking(view: Any) -> Any:
    def broken(*args: Any, **values: Any) -> Any:
        view(*args, **values)
        raise RuntimeError("the answer cannot be written")

    broken.view_class = view.view_class  # type: ignore[attr-defined]
    return broken


def test_a_secret_that_is_shown_once_lies_nowhere_in_plain_words(desk: Desk) -> None:
    first = desk.post("/tokens", {"name": "script"}, headers=KEY)
    again = desk.post("/tokens", {"name": "script"}, headers=KEY)

    assert again.json["token"] == first.json["token"]
    kept = db.session().query(KeptAnswer).one()
    assert first.json["token"].encode() not in (kept.body or b"")


def test_after_a_day_the_ticker_forgets(desk: Desk) -> None:
    desk.post("/tickets", NEW, headers=KEY)
    with transaction("test") as session:
        session.query(KeptAnswer).update({"at": utc_now() - timedelta(hours=25)})
    forget_old_answers()

    answer = desk.post("/tickets", NEW, headers=KEY)

    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert tickets() == 2


def test_an_upload_that_is_sent_again_is_kept_once(desk: Desk) -> None:
    def upload(content: bytes) -> Any:
        # The test client, like every client, makes another boundary each time.
        return desk.post("/attachments", data={"file": (io.BytesIO(content), "kettle.txt")}, headers=KEY)

    first, again, other = upload(b"It drips."), upload(b"It drips."), upload(b"It drips more.")

    assert first.status_code == again.status_code == 201
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.json["code"] == "idempotency_key_reused"
