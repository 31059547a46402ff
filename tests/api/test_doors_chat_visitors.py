"""Which customer a visitor is: by their site's word, by what they type, and by neither."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests import make
from tests.api.chat_page import Visitor, identity, widget
from tests.api.desk import admin
from tests.channels.test_chat_following import leave, reply
from ticketing.envelope import Channel, HandleKind
from ticketing.models import Customer, CustomerMerge, Handle, JournalEntry, Ticket
from ticketing.store import db


def customer_of(visitor: Visitor) -> Customer:
    db.session.rollback()
    handle = select(Handle).where(Handle.kind == HandleKind.VISITOR, Handle.address == visitor.session)
    return db.session().scalars(handle.execution_options(populate_existing=True)).one().customer


def addresses_of(customer: Customer) -> set[str]:
    found = select(Handle.address).where(Handle.customer_id == customer.id, Handle.kind != HandleKind.VISITOR)
    return set(db.session().scalars(found))


def count(model: type) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


def test_whom_a_site_vouches_for_is_that_customer_from_the_first_word(client: FlaskClient) -> None:
    widget()
    known = make.customer("Karim Haddad", email="karim@home.example")
    visitor = Visitor(client, identity=identity(email="Karim@Home.example", phone="+15145550177", name="K."))

    wrote = visitor.write()

    ticket = db.session().get_one(Ticket, wrote.get_json()["ticket"])
    assert (wrote.status_code, ticket.customer_id) == (201, known.id)
    assert addresses_of(known) == {"karim@home.example", "+15145550177"}  # what is verified becomes theirs
    assert count(Customer) == 1


def test_who_says_later_who_they_are_is_merged_with_whom_we_know(client: FlaskClient) -> None:
    widget()
    known = make.customer("Karim Haddad", email="karim@home.example")
    desk = admin(client)
    visitor = Visitor(client, name="kh", email="other@home.example")
    ticket = visitor.write().get_json()["ticket"]
    stranger = customer_of(visitor).id

    told = visitor.patch(identity=identity(email="karim@home.example"))
    again = visitor.patch(identity=identity(email="karim@home.example"))

    assert (told.status_code, again.status_code) == (200, 200), told.text
    assert customer_of(visitor).id == known.id
    assert desk.get(f"/tickets/{ticket}").json["customer"]["id"] == known.id
    assert addresses_of(known) == {"karim@home.example", "other@home.example"}
    merge = desk.get(f"/customers/{known.id}/merges").json["items"]
    assert [(one["kept"], one["merged"], one["by"]) for one in merge] == [(known.id, stranger, None)]
    kinds = [row.kind for row in db.session().scalars(select(JournalEntry).where(JournalEntry.ticket_id == ticket))]
    assert kinds.count("customers_merged") == 1
    assert desk.post(f"/customers/{known.id}/unmerge").status_code == 200
    assert customer_of(visitor).id == stranger


def test_a_site_that_names_no_address_knows_its_people_by_its_own_name(client: FlaskClient) -> None:
    widget()
    widget("other")
    first, second = Visitor(client, identity=identity("u1")), Visitor(client, identity=identity("u1", name="Karim"))
    somebody = Visitor(client, identity=identity("u2"))
    elsewhere = Visitor(client, widget="other", identity=identity("u1"))

    people = [customer_of(one).id for one in (first, second, somebody, elsewhere)]

    assert people[0] == people[1]
    assert len(set(people)) == 3  # another site's u1 is somebody else
    assert customer_of(first).name == "Karim"


def test_a_session_does_not_change_hands(client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client, identity=identity("u1", email="one@home.example"))
    visitor.write()
    before = customer_of(visitor).id

    answer = visitor.patch(identity=identity("u2", email="two@home.example"))

    assert (answer.status_code, answer.get_json()["code"]) == (409, "other_identity")
    assert customer_of(visitor).id == before
    assert count(CustomerMerge) == 0


def test_whom_an_agent_has_judged_is_not_merged_by_a_site(client: FlaskClient) -> None:
    widget()
    desk = admin(client)
    visitor = Visitor(client, name="Karim")
    visitor.write()
    judged, known = make.customer("Judged", email="judged@home.example"), make.customer("Karim", email="k@home.example")
    desk.post(f"/customers/{customer_of(visitor).id}/merge", {"into": judged.id})

    answer = visitor.patch(identity=identity(email="k@home.example"))

    assert answer.status_code == 200, answer.text
    assert customer_of(visitor).id == judged.id
    suggested = desk.get(f"/customers/{known.id}/duplicates").json["items"]
    assert [(one["customer"]["id"], one["reasons"]) for one in suggested] == [(judged.id, ["claimed_address"])]


def test_a_typed_address_is_theirs_only_if_nobody_has_it(client: FlaskClient) -> None:
    widget()
    known = make.customer("Karim", email="karim@home.example")
    visitor = Visitor(client, email="karim@home.example", phone="+1 514 555 0177")
    visitor.write()
    later = Visitor(client)
    later.write()
    later.patch(email="KARIM@home.example")
    later.patch(email="karim@home.example")

    stranger, other = customer_of(visitor), customer_of(later)

    assert len({known.id, stranger.id, other.id}) == 3
    assert addresses_of(stranger) == {"+15145550177"}
    suggested = admin(client).get(f"/customers/{known.id}/duplicates").json["items"]
    assert {one["customer"]["id"] for one in suggested} == {stranger.id, other.id}
    assert {tuple(one["reasons"]) for one in suggested} == {("claimed_address",)}


def test_nobody_takes_addresses_by_the_dozen(client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client)
    visitor.write()

    statuses = {visitor.patch(email=f"somebody{number}@home.example").status_code for number in range(8)}

    assert statuses == {200}
    assert len(addresses_of(customer_of(visitor))) == 5


def test_claims_go_with_their_person_and_come_back(client: FlaskClient) -> None:
    widget()
    known, third = make.customer("Karim", email="karim@home.example"), make.customer("Third")
    visitor = Visitor(client, email="karim@home.example")
    visitor.write()
    desk, stranger = admin(client), customer_of(visitor).id

    def suggested() -> list[int]:
        return [one["customer"]["id"] for one in desk.get(f"/customers/{known.id}/duplicates").json["items"]]

    desk.post(f"/customers/{stranger}/merge", {"into": third.id})
    merged = suggested()
    desk.post(f"/customers/{third.id}/unmerge")

    assert (merged, suggested()) == ([third.id], [stranger])


def test_two_tabs_of_somebody_new_at_once_are_one_customer(app: Flask, client: FlaskClient) -> None:
    widget()

    def begin(_: int) -> str:
        return Visitor(app.test_client(), identity=identity("u1")).session

    with ThreadPoolExecutor(4) as pool:
        sessions = list(pool.map(begin, range(6)))

    owners = select(Handle.customer_id).where(Handle.address.in_(sessions))
    assert len(set(db.session().scalars(owners))) == 1


def test_a_word_and_the_sites_word_at_once_are_one_customers(app: Flask, client: FlaskClient) -> None:
    widget()
    known = make.customer("Karim", email="karim@home.example").id
    visitors = [Visitor(app.test_client()) for _ in range(4)]

    with ThreadPoolExecutor(8) as pool:
        wrote = [pool.submit(one.write) for one in visitors]
        told = [
            pool.submit(one.patch, identity=identity(f"u{n}", email="karim@home.example"))
            for n, one in enumerate(visitors)
        ]
        statuses = {one.result().status_code for one in (*wrote, *told)}

    assert statuses <= {200, 201, 409}  # somebody merges at this moment; the widget tries again
    for number, one in enumerate(visitors):
        assert one.patch(identity=identity(f"u{number}", email="karim@home.example")).status_code == 200
    assert {customer_of(one).id for one in visitors} == {known}


def test_whom_the_desk_has_blocked_is_told_so_in_every_session_of_theirs(client: FlaskClient) -> None:
    widget()
    desk = admin(client)
    visitor = Visitor(client, identity=identity("u1"))
    visitor.write()
    owner = customer_of(visitor)
    handle = next(one for one in owner.handles if one.kind is HandleKind.VISITOR)
    desk.put(f"/customers/{owner.id}/handles/{handle.id}/block", {"reason": "spam"})
    again = Visitor(client, identity=identity("u1"))
    desk.post(f"/customers/{owner.id}/merge", {"into": make.customer("The same").id})

    for refused in (
        visitor.write(),
        again.write(),
        again.upload(),
        again.patch(name="x"),
        again.post("/typing", {"typing": True}),
    ):
        assert (refused.status_code, refused.get_json()["code"]) == (403, "blocked"), refused.text
    assert again.get("/messages").status_code == 200
    assert Visitor(client).write().status_code == 201


def test_the_site_is_told_why_its_word_does_not_hold(client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client)
    expired = identity(lasts=timedelta(hours=-1))

    for answer in (visitor.patch(identity=expired), client.post("/chat/sessions", json={"identity": expired})):
        told = answer.get_json()
        assert (answer.status_code, told["code"]) == (403, "identity_refused")
        assert "has expired" in told["detail"]
    assert count(Customer) == 0


def test_a_forgotten_persons_chats_open_nothing_any_more(client: FlaskClient) -> None:
    widget()
    desk = admin(client)
    visitor = Visitor(client, identity=identity("u1", email="karim@home.example"), page="https://shop.example/karim")
    other = Visitor(client, email="karim@home.example")
    owner = customer_of(visitor).id

    erased = desk.post(f"/customers/{owner}/erasure")

    assert erased.status_code == 200, erased.text
    assert visitor.get("/session").status_code == 404
    assert other.get("/session").status_code == 200
    again = Visitor(client, identity=identity("u1"))
    assert customer_of(again).id != owner


def test_who_typed_an_address_first_gets_nothing_of_the_person_whose_it_is(client: FlaskClient) -> None:
    widget()
    make.inbox(Channel.EMAIL)
    stranger = Visitor(client, email="karim@home.example")
    stranger.write("That is me, I say")
    stranger.patch(email="stranger@elsewhere.example")

    karim = Visitor(client, identity=identity("u1", email="karim@home.example"))
    karim.write("My card number is wrong on the bill")
    leave(karim)
    row = reply(karim, "Your new card ends in 4242")

    assert customer_of(karim).id != customer_of(stranger).id
    assert row.handle is None or row.handle.address != "stranger@elsewhere.example"
    assert karim.get("/session").get_json()["email_known"] != "s•••@elsewhere.example"


def test_what_somebody_typed_is_theirs_once_their_site_vouches_for_it(client: FlaskClient) -> None:
    widget()
    visitor = Visitor(client, email="karim@home.example")
    visitor.write()

    assert visitor.patch(identity=identity("u1", email="karim@home.example")).status_code == 200
    elsewhere = Visitor(client, identity=identity("u1", email="karim@home.example"))
    elsewhere.write()

    assert customer_of(elsewhere).id == customer_of(visitor).id
    assert count(Customer) == 1
