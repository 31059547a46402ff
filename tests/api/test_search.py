"""Tickets by words: what is found, in which order, by whom, and what is marked."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests import make
from tests.api.desk import Desk
from tests.api.test_cli import Shell
from tests.api.test_statements import statements
from tests.conftest import NOON
from ticketing import journal, search
from ticketing.events import SYSTEM
from ticketing.lifecycle import change_subject, lock_ticket
from ticketing.models import Message, Ticket
from ticketing.search import hits
from ticketing.search.words import words_of
from ticketing.store import db
from ticketing.transaction import transaction

TYPED = [
    *('"', '""', "-", "-kettle", "*", "AND", "a AND NOT b", "NEAR(a b)", "subject:kettle", "a:*", "\\", "^a", "{a}: c"),
    *("'a' & !b | c <-> d", "(((((", "a" * 500, "'; DROP TABLE ticket --", "%", "_%_", "@@@", "a@", "\u202eabc", "😀"),
    *("\ud7ff", "Ω≈ç√∫˜µ≤≥÷", "1/0", "-1", "+", "00", "0000000", "999999999999999999", "٠١٢٣٤", "½", "ﷺ", "a\tb\nc"),
    *("--", '-"', "#", "#0", '"a', "- a", '"東京"', "東 京", "@%_", "00000@", "a.b.c.d.e.f"),
]
SENSELESS: list[dict[str, Any]] = [
    *({}, {"q": ""}, {"q": " "}, {"q": "a" * 501}, {"q": "a\x00b"}, {"q": "a " * 60}, {"q": "a", "limit": 51}),
    *({"q": "a", "after": "x"}, {"q": "a", "sort": "due"}, {"q": "a", "after": "WyJkdWUiXQ"}),
]
HOSTILE = (" ".join(f"w{n}" for n in range(60_000)), "a " * 50_000, "ab" * 50_000, "東" * 100_000, "' \\ : & | !")


@pytest.fixture
def desk(app: Flask, client: FlaskClient) -> Desk:
    make.queue("Support")
    return Desk(client)


def found(desk: Desk, q: str, **asked: Any) -> list[int]:
    answer = desk.get("/search", query_string={"q": q, **asked})
    assert answer.status_code == 200, answer.json
    return [one["ticket"]["id"] for one in answer.json["items"]]


def test_a_ticket_is_found_by_subject_message_note_and_customer(desk: Desk) -> None:
    karim = make.customer("Karim Haddad", email="k.haddad@home.example", phone="+15145550123")
    ticket = make.ticket(subject="The kettle leaks", body="It drips on the floor.", customer=karim)
    make.ticket(subject="Another", body="matter")
    make.inbox()
    make.reply(ticket, desk.agent, "Have you descaled it?")
    desk.post(f"/tickets/{ticket.id}/notes", {"body": "He sounds furious."})

    for q in ("kettle", "floor", "descaled", "furious", "haddad", "karim leaks", "desc", "k.haddad@home.example"):
        assert found(desk, q) == [ticket.id], q
    for q in ("teapot", "kettle teapot", "ettle", "desc "):
        assert found(desk, q) == [], q


def test_the_answer_says_where_the_words_stand(desk: Desk) -> None:
    ticket = make.ticket(subject="Zoë’s kettle", body="The KETTLE’s lid", customer=make.customer("Zoë"))
    message = db.session().query(Message).one()

    answer = desk.get("/search?q=zoe+kettle").json

    assert answer["total"] == 1
    assert answer["total_is_capped"] is False
    assert answer["next"] is None
    (hit,) = answer["items"]
    assert hit["ticket"]["id"] == ticket.id
    assert hit["ticket"]["queue"] == {"id": 1, "name": "Support"}
    assert hit["ticket"]["assignee"] is None
    assert hit["ticket"]["customer"]["name"] == "Zoë"
    assert hit["excerpts"] == [
        {"where": "subject", "message": None, "text": "Zoë’s kettle", "marks": [[0, 3], [6, 12]]},
        {"where": "customer", "message": None, "text": "Zoë", "marks": [[0, 3]]},
        {"where": "message", "message": message.id, "text": "The KETTLE’s lid", "marks": [[4, 10]]},
    ]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Łódź, Zoë and Straße", "zoe"),
        ("Łódź, Zoë and Straße", "STRASSE "),
        ("Привет, ёлка", "елка"),
        ("Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
        ("東京都の電気ケトル", "電気"),
        ("東京都の電気ケトル", "気"),
        ("กาน้ำร้อน", "น้ำ"),
        ("안녕하세요 주전자", "주전"),
        ("हिन्दी में", "हिन्दी"),
        ("order A-1234/b", "a-1234/b"),
        ("l'eau chaude", "eau"),
        ("x" * 3000, "x" * 400),
    ],
)
def test_every_script_is_searched(desk: Desk, said: str, asked: str) -> None:
    ticket = make.ticket(body=said)
    make.ticket(subject="Another", body="matter")

    answer = desk.get("/search", query_string={"q": asked}).json

    assert [one["ticket"]["id"] for one in answer["items"]] == [ticket.id]
    assert answer["items"][0]["excerpts"][0]["marks"]


def test_phrases_and_unwanted_words(desk: Desk) -> None:
    first = make.ticket(subject="The kettle leaks", body="a")
    second = make.ticket(subject="leaks, the kettle", body="b")

    assert found(desk, '"kettle leaks"') == [first.id]
    assert found(desk, 'kettle -"kettle leaks"') == [second.id]
    assert found(desk, "kettle -b") == [first.id]
    assert found(desk, '"leaks a"') == []  # over the end of the subject


def test_a_phrase_does_not_reach_from_message_to_message(desk: Desk) -> None:
    ticket = make.ticket(subject="x", body="one")
    make.message(ticket, "two")

    assert found(desk, '"one two"') == []
    assert found(desk, "one two") == [ticket.id]


def test_subjects_come_before_customers_before_messages(desk: Desk) -> None:
    subject = make.ticket(subject="Kettle", body="a")
    customer = make.ticket(subject="x", body="a", customer=make.customer("Kettle"))
    body = make.ticket(subject="x", body="kettle")

    assert found(desk, "kettle") == [subject.id, customer.id, body.id]


def test_a_number_finds_that_ticket_first(desk: Desk) -> None:
    first = make.ticket(subject="x", body="x")
    second = make.ticket(subject=f"about {first.id}", body=f"{first.id}")

    assert found(desk, f"{first.id}") == [first.id, second.id]
    assert found(desk, f"#{first.id}") == [first.id]
    assert found(desk, "#99999999999999999") == []


def test_parts_of_numbers_and_addresses_find_the_customer(desk: Desk) -> None:
    karim = make.customer("Karim", email="karim.haddad@home.example", phone="+15145550123")
    ticket = make.ticket(subject="The kettle", body="x", customer=karim)
    make.ticket(subject="The kettle", body="x")

    for q in ("514555", "+1 514 555-0123", "(514) 555", "haddad@home", "@home.ex karim", "addad", "haddad@home kettle"):
        assert ticket.id in found(desk, q), q
    assert found(desk, "haddad@home teapot") == []
    assert found(desk, "haddad@home -kettle") == []
    excerpts = desk.get("/search", query_string={"q": "514555"}).json["items"][0]["excerpts"]
    assert excerpts == [{"where": "customer", "message": None, "text": "+15145550123", "marks": [[2, 8]]}]


def test_only_what_the_caller_sees_is_found_and_counted(app: Flask, client: FlaskClient) -> None:
    ada, bob = make.agent(name="Ada"), make.agent(name="Bob")
    secret = make.queue("Secret", members=[ada])
    karim = make.customer("Karim", email="karim@home.example")
    ticket = make.ticket(queue=secret, customer=karim)
    stranger = Desk(client, bob)

    for q in ("kettle", f"{ticket.id}", f"#{ticket.id}", "karim@home", "arim"):
        answer = stranger.get("/search", query_string={"q": q}).json
        assert (answer["items"], answer["total"]) == ([], 0), q
        assert found(Desk(client, ada), q) == [ticket.id], q


def test_the_filters_of_the_list_narrow_a_search(desk: Desk) -> None:
    kettle = make.ticket(tags=["kettle"])
    make.ticket(assignee=desk.agent)

    assert found(desk, "leaks", tag="kettle") == [kettle.id]
    assert found(desk, "leaks", status="solved") == []
    assert len(found(desk, "leaks", queue="Support", status="active")) == 2
    assert len(found(desk, "leaks", assignee="me")) == 1


def test_pages_follow_one_another(desk: Desk) -> None:
    made = {make.ticket().id for _ in range(7)}

    seen: list[int] = []
    after = ""
    for _ in range(4):
        page = desk.get("/search", query_string={"q": "kettle", "limit": 2, "after": after}).json
        assert page["total"] == 7
        seen += [one["ticket"]["id"] for one in page["items"]]
        after = page["next"]

    assert after is None
    assert sorted(seen) == sorted(made)


def test_a_new_subject_replaces_the_old_one(desk: Desk) -> None:
    ticket = make.ticket(subject="Kettle", body="drips")
    with transaction("test"):
        change_subject(lock_ticket(ticket.id), "Teapot", by=SYSTEM, at=NOON)

    assert found(desk, "kettle") == []
    assert found(desk, "teapot drips") == [ticket.id]


def test_reindexing_reads_what_is_stored(desk: Desk) -> None:
    ticket = make.ticket(subject="Kettle", body="drips", customer=make.customer("Karim"))
    with transaction("test") as session:
        message = session.query(Message).one()
        message.body = "erased"
        row = session.get_one(Ticket, ticket.id)
        row.customer.name = "Nobody"
        search.reindex([ticket.id])

    assert found(desk, "drips") == []
    assert found(desk, "karim ") == []
    assert found(desk, "erased nobody kettle") == [ticket.id]


def test_what_is_rolled_back_is_not_found(desk: Desk) -> None:
    ticket = make.ticket(subject="Kettle")
    with transaction("test") as session:
        mark = journal.mark(session)
        savepoint = session.begin_nested()
        change_subject(lock_ticket(ticket.id), "Teapot", by=SYSTEM, at=NOON)
        savepoint.rollback()
        journal.forget(session, since=mark)
    make.message(ticket, "news")

    assert found(desk, "teapot") == []
    assert found(desk, "kettle news") == [ticket.id]


def test_a_message_costs_one_statement_for_the_index(desk: Desk) -> None:
    ticket = make.ticket()

    path = f"/tickets/{ticket.id}/notes"

    with statements() as seen:
        assert desk.post(path, {"body": "Look."}).status_code == 201

    assert len([one for one in seen if "search_" in one]) == 1


def test_opening_a_ticket_costs_one_statement_for_the_index(desk: Desk) -> None:
    new = {"subject": "x", "body": "y", "customer": {"name": "Karim", "email": "k@home.example"}}
    with statements() as seen:
        answer = desk.post("/tickets", new)

    assert answer.status_code == 201
    assert len([one for one in seen if "search_" in one]) == 1
    assert found(desk, "k@home.example") == [answer.json["id"]]


def test_a_search_takes_at_most_3_statements(desk: Desk) -> None:
    for _ in range(3):
        make.ticket()

    with statements() as seen:
        found(desk, "kettle")

    assert len(seen) <= 3, seen  # token, hits, what is shown of them


@pytest.mark.parametrize("q", TYPED)
def test_whatever_is_typed_gets_an_answer(desk: Desk, q: str) -> None:
    make.ticket()

    answer = desk.get("/search", query_string={"q": q})

    assert answer.status_code in {200, 422}, answer.json


@pytest.mark.parametrize("asked", SENSELESS)
def test_senseless_questions_are_refused(desk: Desk, asked: dict[str, Any]) -> None:
    assert desk.get("/search", query_string=asked).status_code == 422


def test_hostile_texts_are_indexed(desk: Desk) -> None:
    for said in HOSTILE:
        ticket = make.ticket(subject="Hostile", body=said)
        for _ in range(3):
            make.message(ticket, said)

    assert len(found(desk, "hostile")) == 5


def test_a_frequent_word_is_counted_to_a_thousand(desk: Desk) -> None:
    ticket = make.ticket()
    with transaction("test") as session:
        columns = {one.name: one for one in Ticket.__table__.columns if not one.computed and one.name != "id"}
        source = session.execute(Ticket.__table__.select().where(Ticket.id == ticket.id)).one()._mapping
        rows = [{name: source[name] for name in columns} for _ in range(1100)]
        session.execute(Ticket.__table__.insert(), rows)
    for batch in search.ticket_batches():
        with transaction("test"):
            search.reindex(batch)

    answer = desk.get("/search?q=leaks").json

    assert answer["total"] == 1000
    assert answer["total_is_capped"] is True
    assert answer["items"][0]["ticket"]["id"] == 1101


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60))
def test_each_word_of_whatever_is_said_finds_the_ticket(desk: Desk, said: str) -> None:
    ticket = make.ticket(subject="x", body=said or "x")

    for word in said.split():
        asked = word.replace('"', " ").lstrip("-")
        if words_of(asked) and not asked.startswith("#"):
            answer = desk.get("/search", query_string={"q": f'"{asked}"', "limit": 50})
            assert ticket.id in [one["ticket"]["id"] for one in answer.json["items"]], asked


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_a_rare_word_is_looked_up_in_its_index(desk: Desk) -> None:
    ticket = make.ticket(subject="Zanzibar")
    with db.engine.begin() as connection:
        columns = ", ".join(one.name for one in Ticket.__table__.columns if not one.computed and one.name != "id")
        connection.exec_driver_sql(
            f"INSERT INTO ticket ({columns}) SELECT {columns} FROM ticket, generate_series(2, 20000)"
        )
        words = "setweight(to_tsvector('simple', 'kettle leaks'), 'A')"
        connection.exec_driver_sql(f"INSERT INTO search_entry SELECT id, {words}, 0 FROM ticket WHERE id > {ticket.id}")
        connection.exec_driver_sql("ANALYZE search_entry, ticket")

    with statements() as seen:
        assert found(desk, "zanzibar ") == [ticket.id]
        assert len(found(desk, "kettle ", limit=50)) == 50

    assert _plan(next(one for one in seen if "search_entry" in one), "'zanzibar'").count("search_entry_words") == 1
    assert "pk_search_entry" in _plan(next(one for one in seen if "search_entry" in one), "'kettle'")


def _plan(statement: str, words: str) -> str:
    values = {"words": words, "limit": 51, "param_1": 1001, "me": 1, "access_1": "everyone"}
    with db.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        cursor = raw.cursor()
        cursor.execute(f"EXPLAIN {statement}", values)
        return "\n".join(str(line) for line in cursor.fetchall())


def test_every_ticket_can_be_indexed_again(desk: Desk) -> None:
    tickets = [make.ticket().id for _ in range(3)]
    with transaction("test") as session:
        session.execute(text("DELETE FROM search_entry"))
    assert found(desk, "kettle") == []

    with transaction("test"):
        for batch in search.ticket_batches():
            search.read_again(batch)

    assert sorted(found(desk, "kettle")) == tickets


def test_the_command_says_how_many_tickets_it_has_indexed(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.says("init")

    assert "0 tickets are indexed." in shell.says("search", "rebuild")


def test_a_search_on_sqlite_that_takes_too_long_is_given_up(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sqlite_app.test_client()
    desk = Desk(client)
    for number in range(20):
        make.ticket(subject=f"Kettle {number}")

    with monkeypatch.context() as impatient:
        impatient.setattr(hits, "PATIENCE", -1)
        impatient.setattr(hits, "STEPS", 10)
        given_up = desk.get("/search?q=kettle")

    assert (given_up.status_code, given_up.json["code"]) == (422, "search_too_broad")
    assert desk.get("/search?q=kettle").json["total"] == 20
