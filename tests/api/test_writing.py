"""Canned replies, macros and templates: whose they are, in which language, and all or nothing."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.api.desk import Desk
from ticketing.belonging import Whose
from ticketing.envelope import Channel
from ticketing.models import Customer, Role, Ticket
from ticketing.templates import render
from ticketing.templates.shipped import names, shipped
from ticketing.transaction import transaction
from ticketing.wording import choose


@pytest.fixture
def desk(client: FlaskClient) -> Desk:
    make.inbox(Channel.EMAIL)
    return Desk(client, make.agent(name="Ada"))


@pytest.fixture
def sqlite_desk(sqlite_app: Flask) -> Desk:
    """Where words are refused before the database hears of them."""
    make.inbox(Channel.EMAIL)
    return Desk(sqlite_app.test_client(), make.agent(name="Ada"))


def ticket_in(language: str = "", name: str = "Karim Haddad", **values: Any) -> Ticket:
    karim = make.customer(name)
    with transaction("test") as session:
        session.get_one(Customer, karim.id).language = language
    return make.ticket(customer=karim, **values)


def new_macro(desk: Desk, *actions: Any, **values: Any) -> Any:
    return desk.post("/macros", {"name": "Test", "actions": list(actions), **values})


@pytest.mark.parametrize(
    ("wanted", "languages", "chosen"),
    [
        ("fr", {"en", "fr"}, "fr"),
        ("fr-CA", {"en", "fr"}, "fr"),
        ("fr-ca", {"en", "fr", "fr-CA"}, "fr-CA"),
        ("fr", {"en", "fr-CA"}, "fr-CA"),
        ("fr-CH", {"en", "fr-CA"}, "fr-CA"),
        ("de", {"en", "fr"}, "en"),
        ("", {"en-GB", "fr"}, "en-GB"),
        ("de", {"it", "fr"}, "fr"),
        ("f", {"en", "fr"}, "en"),
    ],
)
def test_the_language_nearest_to_the_customers_is_chosen(wanted: str, languages: set[str], chosen: str) -> None:
    assert choose(dict.fromkeys(languages, ""), wanted)[0] == chosen


def test_a_canned_reply_is_read_in_the_customers_language_and_filled_in(desk: Desk) -> None:
    bodies = {
        "en": "Hello {{customer.first_name}}",
        "fr": "Bonjour {{customer.name}}, {{ticket.subject}} ({{agent.name}})",
    }
    made = desk.post("/canned-replies", {"name": "Hello", "shortcut": "hi", "bodies": bodies})
    french, other = ticket_in("fr-CA", subject="Ça {{fuit}}"), ticket_in("de")
    path = f"/canned-replies/{made.json['id']}/rendered?ticket="

    assert made.status_code == 201
    assert desk.get(f"{path}{french.id}").json == {"language": "fr", "body": "Bonjour Karim Haddad, Ça {{fuit}} (Ada)"}
    assert desk.get(f"{path}{other.id}").json == {"language": "en", "body": "Hello Karim"}


def test_a_ticket_out_of_sight_fills_in_nothing(client: FlaskClient, desk: Desk) -> None:
    ticket = make.ticket(queue=make.queue(members=[make.agent()]))
    canned = make.canned_reply(desk.agent)

    assert desk.get(f"/canned-replies/{canned.id}/rendered?ticket={ticket.id}").status_code == 404
    assert desk.get(f"/templates/solved/rendered?ticket={ticket.id}").status_code == 404


@pytest.mark.parametrize(
    ("bodies", "words"),
    [
        ({"en": "{{customer.password}}"}, "there is no variable 'customer.password'"),
        ({"en": "{{customer.name"}, "two braces make none"),
        ({"en": "{{ }}"}, "there is no variable ''"),
        ({"en": "{{ticket.fields.}}"}, "there is no variable"),
        ({"en": "{{a.__class__}}"}, "there is no variable"),
        ({"en": " \n"}, "says nothing"),
        ({"english!": "x"}, "no language tag"),
        ({"en": "x", "EN": "y"}, "a language of its own"),
        ({}, "bodies"),
        ({"en": "{{ticket.id}}" * 101}, "at most 100 variables"),
        ({"en": 1}, "bodies"),
    ],
)
def test_words_that_cannot_be_filled_in_are_refused_when_they_are_saved(
    sqlite_desk: Desk, bodies: Any, words: str
) -> None:
    answer = sqlite_desk.post("/canned-replies", {"name": "Hello", "bodies": bodies})

    assert answer.status_code == 422
    assert words in answer.json["detail"]


def test_ones_own_words_are_ones_own_a_queues_its_workers_the_desks_a_supervisors(client: FlaskClient) -> None:
    ada, mallory = make.agent(), Desk(client, make.agent())
    supervisor = Desk(client, make.agent(Role.SUPERVISOR))
    queue = make.queue(members=[ada])
    desk = Desk(client, ada)
    hello = {"name": "Hello", "bodies": {"en": "Hello"}}

    own = desk.post("/canned-replies", hello)
    queues = desk.post("/canned-replies", {**hello, "belongs": "queue", "queue": queue.id})
    refused = desk.post("/canned-replies", {**hello, "belongs": "desk"})
    desks = supervisor.post("/canned-replies", {**hello, "belongs": "desk"})

    assert [one.status_code for one in (own, queues, refused, desks)] == [201, 201, 403, 201]
    assert queues.json["queue"] == {"id": queue.id, "name": queue.name}
    assert [one["belongs"] for one in desk.get("/canned-replies").json["items"]] == ["own", "queue", "desk"]
    assert [one["belongs"] for one in mallory.get("/canned-replies").json["items"]] == ["desk"]
    assert mallory.patch(f"/canned-replies/{desks.json['id']}", {"name": "Mine"}).status_code == 403
    assert mallory.delete(f"/canned-replies/{own.json['id']}").status_code == 404
    assert mallory.post("/canned-replies", {**hello, "belongs": "queue", "queue": queue.id}).status_code == 422
    assert desk.post("/canned-replies", {**hello, "queue": queue.id}).status_code == 422


def test_a_canned_reply_is_changed_and_taken_out_of_use(desk: Desk) -> None:
    one = make.canned_reply(desk.agent).id

    changed = desk.patch(f"/canned-replies/{one}", {"bodies": {"fr": "Bonjour"}})
    gone = desk.delete(f"/canned-replies/{one}")

    assert changed.json["bodies"] == {"fr": "Bonjour"}
    assert (gone.status_code, desk.get(f"/canned-replies/{one}").status_code) == (204, 404)


EVERYTHING = [
    {"reply": {"bodies": {"en": "Hello {{customer.first_name}}", "fr": "Bonjour {{customer.name}}"}}},
    {"note": "Macro by {{agent.name}}"},
    {"priority": "urgent"},
    {"tags_add": ["Kettle"]},
    {"tags_remove": ["old"]},
    {"skills": ["french"]},
    {"assign": "me"},
    {"status": "pending"},
    {"snooze_for_seconds": 3600},
]


def test_a_macro_does_everything_at_once(desk: Desk) -> None:
    macro = new_macro(desk, *EVERYTHING)
    ticket = ticket_in("fr", tags=["old"])

    done = desk.post(f"/tickets/{ticket.id}/macros/{macro.json['id']}")

    assert macro.status_code == 201, macro.json
    assert macro.json["actions"][3] == {"tags_add": ["kettle"]}
    assert done.status_code == 200, done.json
    assert [one["body"] for one in done.json["messages"]] == ["Bonjour Karim Haddad", "Macro by Ada"]
    assert [one["kind"] for one in done.json["events"]][-1] == "macro_applied"
    assert done.json["ticket"] == desk.get(f"/tickets/{ticket.id}").json
    shown = done.json["ticket"]
    assert (shown["status"], shown["priority"], shown["tags"]) == ("pending", "urgent", ["kettle"])
    assert shown["assignee"]["id"] == desk.agent.id
    assert shown["snoozed_until"] is not None


def test_a_macro_for_show_tells_all_and_does_nothing(desk: Desk) -> None:
    macro = new_macro(desk, *EVERYTHING).json["id"]
    ticket = ticket_in()
    before = [desk.get(f"/tickets/{ticket.id}{part}").json for part in ("", "/messages", "/events")]

    shown = desk.post(f"/tickets/{ticket.id}/macros/{macro}?dry_run=true").json

    assert shown["dry_run"]
    assert shown["ticket"]["priority"] == "urgent"
    assert [one["body"] for one in shown["messages"]] == ["Hello Karim", "Macro by Ada"]
    assert [desk.get(f"/tickets/{ticket.id}{part}").json for part in ("", "/messages", "/events")] == before


def test_a_macro_that_fails_in_the_middle_has_done_nothing(client: FlaskClient, desk: Desk) -> None:
    macro = new_macro(desk, {"priority": "urgent"}, {"note": "Look."}, {"assign": "me"}).json["id"]
    ticket = make.ticket(assignee=make.agent())

    answer = desk.post(f"/tickets/{ticket.id}/macros/{macro}")

    assert (answer.status_code, answer.json["code"]) == (409, "already_assigned")
    assert desk.get(f"/tickets/{ticket.id}").json["priority"] == "normal"
    assert len(desk.get(f"/tickets/{ticket.id}/messages").json["items"]) == 1


def test_a_macro_may_use_a_canned_reply_or_a_template(desk: Desk) -> None:
    canned = make.canned_reply(desk.agent, bodies={"en": "Canned for {{customer.first_name}}"})
    macro = new_macro(desk, {"reply": {"canned_reply": canned.id}}, {"reply": {"template": "solved"}}).json["id"]
    ticket = ticket_in("fr")

    told = desk.post(f"/tickets/{ticket.id}/macros/{macro}").json["messages"]

    assert told[0]["body"] == "Canned for Karim"
    assert told[1]["body"].startswith("Bonjour Karim Haddad,")


def test_words_of_ones_own_are_not_for_everybodys_macro(client: FlaskClient) -> None:
    desk = Desk(client, make.agent(Role.SUPERVISOR))
    own = make.canned_reply(desk.agent)

    answer = new_macro(desk, {"reply": {"canned_reply": own.id}}, belongs="desk")

    assert answer.status_code == 422
    assert "not for everybody" in answer.json["detail"]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({}, "actions.0: An action does one thing"),
        ({"priority": "high", "status": "open"}, "actions.0: An action does one thing"),
        ({"priority": "low", "explode": True}, "There is no such field here"),
        ({"status": "closed"}, "Action 1, status: nobody makes a ticket new or closed"),
        ({"queue": 99}, "Action 1, queue: there is no queue"),
        ({"assign": 99}, "Action 1, assign: there is no agent 99"),
        ({"assign": "nobody"}, "actions.0.assign: Must be me, none or an agent's id."),
        ({"reply": {}}, "Give the words by one of"),
        ({"reply": {"bodies": {"en": "{{x}}"}}}, "Action 1, reply: in en: there is no variable 'x'"),
        ({"reply": {"template": "nonsense"}}, "Action 1, reply: there is no template 'nonsense'"),
        ({"reply": {"canned_reply": 99}}, "Action 1, reply: there is no canned reply 99"),
        ({"note": "{{x}}"}, "Action 1, note: in the note: there is no variable"),
        ({"snooze_for_seconds": 0}, "actions.0.snooze_for_seconds"),
        ({"snooze_for_seconds": True}, "actions.0.snooze_for_seconds"),
        ({"tags_add": [" "]}, "actions.0.tags_add"),
        ({"fields": {"nonsense": 1}}, "Action 1, fields: "),
    ],
)
def test_a_macro_that_could_not_work_is_refused_when_it_is_saved(sqlite_desk: Desk, action: Any, words: str) -> None:
    make.field("model", required=False)

    answer = new_macro(sqlite_desk, action)

    assert answer.status_code == 422
    assert words in answer.json["detail"]


def test_a_queues_macro_is_for_whoever_works_the_queue(client: FlaskClient) -> None:
    ada = make.agent()
    macro = make.macro(ada, belongs=Whose.QUEUE, queue_id=make.queue(members=[ada]).id)
    ticket = make.ticket()

    assert Desk(client, ada).post(f"/tickets/{ticket.id}/macros/{macro.id}").status_code == 200
    assert Desk(client).post(f"/tickets/{ticket.id}/macros/{macro.id}").status_code == 404


@pytest.mark.parametrize("name", names())
def test_every_template_comes_in_english_and_french_and_can_be_filled_in(sqlite_app: Flask, name: str) -> None:
    for language in ("en", "fr"):
        rendered = render(name, language, {})

        assert shipped(name).keys() >= {"en", "fr"}
        assert rendered.language == language
        assert "{{" not in rendered.subject + rendered.body
        assert " ," not in rendered.body


def test_the_desks_own_words_come_first_until_they_are_dropped(client: FlaskClient) -> None:
    desk = Desk(client, make.agent(Role.SUPERVISOR))
    ticket = ticket_in("fr")
    rendered = f"/templates/solved/rendered?ticket={ticket.id}"

    put = desk.put("/templates/solved/fr", {"subject": "Fini", "body": "Voilà, {{customer.name}}."})
    ours = desk.get(rendered).json
    dropped = desk.delete("/templates/solved/fr")

    assert (put.json["own"], put.json["language"]) == (True, "fr")
    assert ours == {"language": "fr", "subject": "Fini", "body": "Voilà, Karim Haddad."}
    assert dropped.status_code == 204
    assert desk.get(rendered).json["body"].startswith("Bonjour Karim Haddad,")
    assert desk.delete("/templates/solved/fr").status_code == 404


def test_a_desk_may_add_a_language(client: FlaskClient) -> None:
    desk = Desk(client, make.agent(Role.SUPERVISOR))

    desk.put("/templates/solved/de-at", {"body": "Erledigt."})

    assert render("solved", "de-AT", {}).body == "Erledigt."
    assert ("solved", "de-AT", True) in {
        (one["name"], one["language"], one["own"]) for one in desk.get("/templates").json["items"]
    }


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/templates/nonsense/en", {"body": "x"}, 404),
        ("/templates/solved/english!", {"body": "x"}, 422),
        ("/templates/solved/en", {"body": "{{promise.when}}"}, 422),
        ("/templates/callback_promised/en", {"body": "{{promise.when}}"}, 200),
        ("/templates/solved/en", {"body": ""}, 422),
        ("/templates/solved/en", {"subject": "x" * 301, "body": "x"}, 422),
    ],
)
def test_what_is_no_template_is_refused(client: FlaskClient, path: str, body: Any, status: int) -> None:
    assert Desk(client, make.agent(Role.SUPERVISOR)).put(path, body).status_code == status
