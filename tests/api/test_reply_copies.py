"""Copies of a reply, what mail of an inbox looks like, and the keys that sign it: as the desk sets them."""

import re

import dns.resolver
import pytest
from flask import Flask

from api.embedded import ports
from channels.email import signing
from channels.email.signing_check import NoAnswer, published, verdict
from tests import make
from tests.api.desk import Desk, admin
from tests.conftest import NOON, SECRET_KEY
from ticketing.envelope import Channel
from ticketing.errors import InvalidInput
from ticketing.events import SYSTEM
from ticketing.models import Participant, Ticket
from ticketing.store import db
from ticketing.transaction import transaction


@pytest.fixture
def desk(sqlite_app: Flask) -> Desk:
    """An agent who calls the API, at a desk that has mail and text messages."""
    make.inbox()
    make.inbox(Channel.SMS)
    return Desk(sqlite_app.test_client())


@pytest.fixture
def ticket(desk: Desk) -> Ticket:
    """A ticket of somebody who writes and texts."""
    return make.ticket(customer=make.customer("Ann", email="Ann@home.example", phone="+15145550123"))


def test_a_reply_names_who_gets_it_and_who_gets_a_copy(desk: Desk, ticket: Ticket) -> None:
    cc = ["bob@x.example", " Bob@X.example ", "ann@HOME.example", "eve@bücher.example"]

    made = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Fixed.", "cc": cc}).json
    listed = desk.get(f"/tickets/{ticket.id}/messages").json["items"]

    assert made["to"] == [{"name": "Ann", "address": "Ann@home.example"}]
    assert [one["address"] for one in made["cc"]] == ["bob@x.example", "eve@xn--bcher-kva.example"]
    assert (listed[-1]["cc"], listed[0]["cc"]) == (made["cc"], [])
    assert [row.address for row in db.session().query(Participant)] == ["bob@x.example", "eve@xn--bcher-kva.example"]


WRONG = {
    "no list": ("bob@x.example", "Not a valid list."),
    "no text": ([7], "Not a valid string."),
    "no address": (["bob"], "is no address"),
    "two in one": (["bob@x.example, eve@x.example"], "is no address"),
    "a header": (["bob@x.example\r\nBcc: eve@x.example"], "is no address"),
    "a name before it": (["Bob <bob@x.example>"], "is no address"),
    "letters that few servers carry": (["zoé@x.example"], "is no address"),
    "too long": (["b" * 250 + "@x.example"], "254"),
    "a local part too long": (["b" * 65 + "@x.example"], "is no address"),
    "too many": ([f"bob{n}@x.example" for n in range(21)], "20"),
    "an address of ours": (["Support@desk.example"], "is an address of ours"),
    "an address of ours with a plus": (["support+t1.00@desk.example"], "is an address of ours"),
}


@pytest.mark.parametrize(("cc", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_copy_to_nowhere_is_refused_before_anything_is_sent(
    desk: Desk, ticket: Ticket, cc: object, sentence: str
) -> None:
    refused = desk.post(f"/tickets/{ticket.id}/replies", {"body": "Fixed.", "cc": cc})

    assert refused.status_code == 422
    assert sentence in refused.text
    assert len(desk.get(f"/tickets/{ticket.id}/messages").json["items"]) == 1


def test_only_mail_has_copies(desk: Desk, ticket: Ticket) -> None:
    wanted = {"body": "Fixed.", "cc": ["bob@x.example"], "channel": "sms"}

    refused = desk.post(f"/tickets/{ticket.id}/replies", wanted)

    assert (refused.status_code, refused.json["detail"]) == (
        422,
        "Copies go by email only, and this reply goes by sms; leave cc out.",
    )


SETTINGS = {
    "sender_name": ["{{agent.name|The team}} · Kettles", "", "a\nb", "x" * 101, "{{customer.password}}", 7],
    "signature": ["{{agent.name}}\n**Kettles**", " ", "x" * 2001, "{{", 7],
    "quote_history": [False, "false", 0, "x"],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_mail_looks_like_is_a_setting_of_its_inbox(sqlite_app: Flask, name: str) -> None:
    desk, inbox = admin(sqlite_app.test_client()), make.inbox()
    good, *bad = SETTINGS[name]

    kept = desk.patch(f"/inboxes/{inbox.id}", {"settings": {name: good}})
    refused = [desk.patch(f"/inboxes/{inbox.id}", {"settings": {name: one}}).status_code for one in bad]
    gone = desk.patch(f"/inboxes/{inbox.id}", {"settings": {name: None}})

    assert kept.json["settings"] == {name: good}
    assert refused == [422] * len(bad)
    assert gone.json["settings"] == {}


@pytest.mark.parametrize(
    "domain", ["", "kettle", "a b.example", "-a.example", "a..example", "x" * 64 + ".example", "@"]
)
def test_what_is_no_domain_gets_no_key(sqlite_app: Flask, domain: str) -> None:
    with pytest.raises(InvalidInput, match="is no domain"), transaction("test"):
        signing.create_key(domain, selector="s1", secret_key=SECRET_KEY, by=SYSTEM, at=NOON)


def test_a_record_fits_the_strings_of_a_zone_file() -> None:
    line = signing.zone_line("s1._domainkey.desk.example", "v=DKIM1; p=" + "A" * 300)

    first, second = re.findall(r'"([^"]*)"', line)
    assert (len(first), first + second) == (255, "v=DKIM1; p=" + "A" * 300)


VERDICTS = {
    "ours": (["v=DKIM1; k=rsa; p=AB CD"], ""),
    "ours beside another thing": (["v=spf1 -all", "v=DKIM1; p=ABCD"], ""),
    "none yet": ([], "no TXT record yet"),
    "another thing": (["v=spf1 -all"], "is no DKIM key"),
    "two": (["p=ABCD", "p=ABCE"], "several keys"),
    "revoked": (["v=DKIM1; p="], "revoked"),
    "another": (["v=DKIM1; p=ABC"], "another one"),
    "in testing": (["v=DKIM1; t=s:y; p=ABCD"], "t=y"),
}


@pytest.mark.parametrize(("records", "said"), VERDICTS.values(), ids=VERDICTS.keys())
def test_a_key_in_dns_is_judged_in_words(records: list[str], said: str) -> None:
    found = verdict(records, "ABCD")

    assert said in found if said else not found


def test_dns_that_does_not_answer_is_told_in_words() -> None:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], ports.free_port()

    with pytest.raises(NoAnswer, match="no name server answered within 0 seconds"):
        published("s1._domainkey.desk.example", resolver=resolver, patience=0.2)
