"""What one visitor's browser asks at once, and what the desk does meanwhile: they do not wait for each other."""

import threading
import time
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from tests import make
from tests.api.chat_page import Visitor, identity, widget
from tests.api.desk import admin
from tests.api.test_doors_chat_visitors import customer_of
from tests.channels.test_chat_following import leave, reply
from tests.ticketing.test_concurrency import on_postgresql
from ticketing.store import db

LONG_ENOUGH = 0.8  # seconds, for the other to come to what the first one holds


def both(first: Callable[[], int], behind: str, second: Callable[[], int]) -> list[int]:
    """Ask two things at once: the second one while the first rests behind a statement in which that is said."""
    rests, statuses = threading.Event(), list[int]()

    def rest(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if threading.current_thread() is thread and behind in statement and not rests.is_set():
            rests.set()
            time.sleep(LONG_ENOUGH)

    thread = threading.Thread(target=lambda: statuses.append(first()))
    event.listen(db.engine, "after_cursor_execute", rest)
    try:
        thread.start()
        assert rests.wait(60)
        answer = second()
    finally:
        thread.join()
        event.remove(db.engine, "after_cursor_execute", rest)
    return [*statuses, answer]


@on_postgresql
def test_an_identity_that_joins_two_and_a_look_at_the_answers(app: Flask, client: FlaskClient) -> None:
    widget()
    make.customer("Karim", email="karim@home.example")
    visitor, other_tab = Visitor(client), Visitor(app.test_client())
    visitor.write()
    other_tab.token, other_tab.session = visitor.token, visitor.session
    reply(visitor, "Which one?")
    word = identity("u1", email="karim@home.example")

    statuses = both(
        lambda: visitor.patch(page="https://shop.example/b", identity=word).status_code,
        "UPDATE chat_session",
        lambda: other_tab.get("/messages").status_code,
    )

    assert statuses == [200, 200]


@on_postgresql
def test_the_first_word_of_who_was_away_and_a_look_at_the_answers(app: Flask, client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client, identity=identity("u1"))
    leave(visitor)
    db.session.remove()
    tab = app.test_client()

    statuses = both(
        lambda: tab.get("/chat/messages", headers=visitor.headers).status_code,
        "UPDATE handle",
        lambda: visitor.write().status_code,
    )

    assert statuses == [200, 201]


@on_postgresql
def test_a_first_word_and_an_erasure(app: Flask, client: FlaskClient) -> None:
    widget()
    desk = admin(client)
    visitor = Visitor(client, identity=identity("u1"))
    person = customer_of(visitor).id
    db.session.remove()
    tab = app.test_client()

    statuses = both(
        lambda: tab.post("/chat/messages", json={"body": "x", "client_id": "1"}, headers=visitor.headers).status_code,
        "FOR UPDATE OF chat_session",
        lambda: desk.post(f"/customers/{person}/erasure").status_code,
    )

    assert statuses == [201, 409]  # they are on the line now
