"""What really leaves: by a real SMTP server, with everything that the store adds to an agent's words."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dkim
import pytest
from aiosmtpd.smtp import AuthResult
from flask import Flask
from sqlalchemy import select

from channels import delivery, registry
from channels.email import signing
from channels.email.adapter import EmailChannel
from channels.email.mailboxes.credentials import Grant, Password, seal
from channels.email.mime import ParsedMail, parse
from channels.email.models import Mailbox, MailLogin, MailSecurity, SigningKey
from channels.email.quoting import split_reply
from channels.errors import TransientFailure
from channels.protocol import Accepted, Outgoing
from config.settings import Settings
from tests import make
from tests.channels.email.test_email_mailbox_oauth import provider  # noqa: F401 - a fixture
from tests.channels.email.test_email_smtp_client import Handler, serving
from tests.conftest import NOON, SECRET_KEY
from ticketing import automatic_answers, conversation, erasure, lifecycle
from ticketing.envelope import Channel, HandleKind, InboundMessage, MessageState, Sender
from ticketing.errors import Conflict
from ticketing.events import SYSTEM
from ticketing.models import Handle, Inbox, Message, Ticket
from ticketing.store import db
from ticketing.transaction import transaction

SIGNED = {"signature": "{{agent.name}}, **Kettles**", "sender_name": "{{agent.name}} · Kettles"}
PEOPLE = {"bob@x.example": "250 OK", "gone@x.example": "550 5.1.1 nobody", "grey@x.example": "450 4.7.1 greylisted"}


@pytest.fixture
def server(sqlite_app: Flask) -> Iterator[Handler]:
    """A server that takes all our mail."""
    handler = Handler()
    settings: Settings = sqlite_app.extensions["comptoir.settings"]
    with serving(handler) as url:
        channel = EmailChannel(replace(settings, smtp_url=url), now=lambda: NOON)
        registry.install(sqlite_app, {Channel.EMAIL: channel})
        yield handler


@pytest.fixture
def inbox(server: Handler) -> Inbox:
    """Our mail address."""
    return make.inbox(settings=SIGNED)


@pytest.fixture
def ticket(inbox: Inbox) -> Ticket:
    """A ticket that came by mail."""
    return make.ticket(customer=make.customer("Ann", email="ann@home.example"))


def deliver(ticket: Ticket, *, after: float = 0) -> None:
    delivery.deliver(ticket.id, now=lambda: NOON + timedelta(seconds=after))


def read(server: Handler, at: int = -1) -> ParsedMail:
    return parse(server.taken[at])


def found(message: Message) -> Message:
    return db.session().get_one(Message, message.id, populate_existing=True)


def writes(ticket: Ticket, body: str, *, message_id: str, address: str = "", automatic: bool = False) -> None:
    """The customer, or somebody else, writes once more."""
    with transaction("test") as session:
        row = lifecycle.lock_ticket(ticket.id)
        query = select(Handle).where(Handle.address == address if address else Handle.customer_id == row.customer_id)
        handle = session.scalars(query).one()
        sender = Sender(HandleKind.EMAIL, handle.address)
        mail = InboundMessage(Channel.EMAIL, message_id, sender, text=body, received_at=NOON, automatic=automatic)
        ours = session.scalars(select(Inbox)).first()
        conversation.receive(row, mail, customer=handle.customer, handle=handle, inbox=ours, files=(), at=NOON)


def test_a_reply_leaves_with_name_signature_and_what_it_answers(server: Handler, ticket: Ticket) -> None:
    make.reply(ticket, make.agent(name="Zoé"), "It is **fixed**.")

    deliver(ticket)

    mail = read(server)
    assert (mail.sender.name, mail.sender.address) == ("Zoé · Kettles", "support@desk.example")
    assert mail.text.startswith("It is **fixed**.\n\n-- \nZoé, **Kettles**\n\n##-")
    assert "Ann wrote:\n\n> It drips on the floor.\n" in mail.text
    assert "<strong>fixed</strong>" in mail.html
    assert split_reply(mail.text)[0] == "It is **fixed**."


@pytest.mark.parametrize(
    ("settings", "name"),
    [({}, "Our email"), ({"sender_name": "{{agent.name}} · *Kettles*"}, "*Kettles*")],
    ids=["the inbox's", "its sender's"],
)
def test_where_no_agent_wrote_a_signature_names_who_the_mail_is_from(
    server: Handler, inbox: Inbox, ticket: Ticket, settings: dict[str, str], name: str
) -> None:
    signature = "**{{agent.name}}**, {{agent.name|the team}}{{agent.name|}}"
    with transaction("test") as session:
        session.get_one(Inbox, inbox.id).settings = {**settings, "signature": signature}
        question = session.scalars(select(Message)).one()
        automatic_answers.answer(lifecycle.lock_ticket(ticket.id), question, "It has arrived.", at=NOON)

    deliver(ticket)

    assert read(server).text == f"It has arrived.\n\n-- \n**{name}**, the team\n"
    assert f"<strong>{name}</strong>, the team</p>" in read(server).html


def test_what_is_added_is_not_kept_with_the_message(server: Handler, ticket: Ticket) -> None:
    message = make.reply(ticket, make.agent(), "It is fixed.")

    deliver(ticket)

    assert (found(message).body, found(message).html) == ("It is fixed.", "")


def test_a_mail_answers_what_was_written_since_our_last_one_and_nothing_internal(
    server: Handler, ticket: Ticket
) -> None:
    ada = make.agent()
    make.reply(ticket, ada, "Which kettle?")
    deliver(ticket)
    with transaction("test"):
        conversation.note(lifecycle.lock_ticket(ticket.id), "They are a nuisance.", agent=ada, at=NOON)
    writes(ticket, "The red one.", message_id="<2@home.example>")
    writes(ticket, "I am away.", message_id="<3@home.example>", automatic=True)
    writes(ticket, "And the blue one.", message_id="<4@home.example>")
    make.reply(ticket, ada, "Thanks.")
    deliver(ticket)

    quoted = read(server).text.partition("##-")[2]
    assert [line for line in quoted.splitlines() if line.startswith("> ")] == ["> And the blue one.", "> The red one."]


def test_an_inbox_may_leave_history_out(server: Handler, ticket: Ticket) -> None:
    with transaction("test") as session:
        session.scalars(select(Inbox)).one().settings = {"quote_history": False}
    make.reply(ticket, make.agent(), "It is fixed.")

    deliver(ticket)

    assert read(server).text == "It is fixed.\n"


def test_after_a_merge_a_mail_answers_its_own_reader_and_shows_them_nothing_of_others(
    server: Handler, ticket: Ticket
) -> None:
    writes(ticket, "It drips.", message_id="<ann@home.example>")
    other = make.ticket(customer=make.customer("Bob", email="bob@home.example"), body="Bob's secret")
    writes(other, "More of Bob's secrets", message_id="<bob@home.example>")
    make.merge(other, ticket)
    make.reply(ticket, make.agent(), "It is fixed.")

    deliver(ticket)

    mail = read(server)
    assert mail.in_reply_to == ("<ann@home.example>",)
    assert "<bob@home.example>" not in mail.references
    assert "secret" not in mail.text


def test_every_attempt_has_one_message_id_even_if_the_ticket_is_merged_meanwhile(
    server: Handler, ticket: Ticket
) -> None:
    server.data = "451 4.3.0 later"
    make.reply(ticket, make.agent(), "It is fixed.")
    deliver(ticket)
    into = make.ticket(customer=make.customer("Ann", email="ann@work.example"))
    make.merge(ticket, into)
    server.data = "250 OK"

    deliver(into, after=6)

    first, second = read(server, 0), read(server, 1)
    assert first.message_id == second.message_id
    assert first.date == second.date


def test_greylisting_costs_minutes_and_no_mail(server: Handler, ticket: Ticket) -> None:
    server.rcpt = "450 4.7.1 greylisted, come back in five minutes"
    message = make.reply(ticket, make.agent(), "It is fixed.")
    after = 0.0
    for wait in (0, 6, 16, 61, 301):
        after += wait
        server.rcpt = "250 OK" if after > 300 else server.rcpt
        deliver(ticket, after=after)

    assert len(server.taken) == 1
    assert found(message).state is MessageState.SENT


class Deadly(EmailChannel):
    """Mail over which the program dies."""

    def send(self, outgoing: Outgoing) -> Accepted:
        raise KeyboardInterrupt


class TestCopies:
    """Several recipients, told apart."""

    @pytest.fixture(autouse=True)
    def people(self, server: Handler) -> None:
        """Some take mail, some do not."""
        server.each = dict(PEOPLE)

    def reply(self, ticket: Ticket, *cc: str) -> Message:
        return make.reply(ticket, make.agent(), "It is fixed.", cc=cc or list(PEOPLE))

    def test_a_copy_that_is_put_off_is_sent_later_and_to_nobody_else(self, server: Handler, ticket: Ticket) -> None:
        message = self.reply(ticket)
        deliver(ticket)
        between = found(message).state, found(message).state_reason
        server.each["grey@x.example"] = "250 OK"
        deliver(ticket, after=6)

        assert server.recipients == [["ann@home.example", "bob@x.example"], ["grey@x.example"]]
        assert between == (
            MessageState.QUEUED,
            "not to gone@x.example: 550 5.1.1 nobody; not to grey@x.example: 450 4.7.1 greylisted",
        )
        assert (found(message).state, found(message).state_reason) == (
            MessageState.SENT,
            "not to gone@x.example: 550 5.1.1 nobody",
        )
        assert read(server, 0).message_id == read(server, 1).message_id
        assert [one.address for one in read(server).cc] == list(PEOPLE)
        assert found(message).data["refused"] == {"gone@x.example": "550 5.1.1 nobody"}

    def test_a_copy_that_waits_holds_up_no_later_reply(self, server: Handler, ticket: Ticket) -> None:
        self.reply(ticket, "grey@x.example")
        later = make.reply(ticket, make.agent(), "One thing more.")

        deliver(ticket)

        assert found(later).state is MessageState.SENT

    def test_who_dies_over_a_late_copy_does_not_undo_the_mail(self, sqlite_app: Flask, ticket: Ticket) -> None:
        message = self.reply(ticket, "grey@x.example")
        deliver(ticket)
        registry.install(sqlite_app, {Channel.EMAIL: Deadly(sqlite_app.extensions["comptoir.settings"])})
        with pytest.raises(KeyboardInterrupt):
            deliver(ticket, after=6)

        with transaction("ticker"):
            delivery.expire_leases(NOON + timedelta(seconds=120))

        assert found(message).state is MessageState.SENT
        assert found(message).state_reason == f"not to grey@x.example: {delivery.NOBODY_KNOWS}"

    def test_after_a_day_without_a_copy_the_mail_is_still_sent(self, server: Handler, ticket: Ticket) -> None:
        message = self.reply(ticket, "grey@x.example")
        deliver(ticket)

        deliver(ticket, after=25 * 3600)

        assert found(message).state is MessageState.SENT
        assert found(message).state_reason == "not to grey@x.example: 450 4.7.1 greylisted"

    @pytest.mark.parametrize(
        ("step", "answer", "state"), [("data", "554 spam", MessageState.SENT), ("mail", "451 no", MessageState.QUEUED)]
    )
    def test_what_befalls_a_late_copy_does_not_undo_the_mail(
        self, server: Handler, ticket: Ticket, step: str, answer: str, state: MessageState
    ) -> None:
        message = self.reply(ticket, "grey@x.example")
        deliver(ticket)
        server.each = {}
        setattr(server, step, answer)

        deliver(ticket, after=6)

        assert found(message).state is state
        assert answer in (found(message).state_reason or "")

    @pytest.mark.parametrize(
        ("answer", "state"), [("550 5.1.1 nobody", MessageState.FAILED), ("450 4.7.1 later", MessageState.QUEUED)]
    )
    def test_nobody_gets_a_copy_of_what_the_customer_does_not_get(
        self, server: Handler, ticket: Ticket, answer: str, state: MessageState
    ) -> None:
        server.each["ann@home.example"] = answer
        message = self.reply(ticket)

        deliver(ticket)

        assert server.taken == []
        assert found(message).state is state

    def test_who_was_refused_a_copy_can_be_forgotten(self, server: Handler, ticket: Ticket) -> None:
        message = self.reply(ticket, "bob@x.example", "gone@x.example")
        deliver(ticket)
        gone = make.customer("Gone", email="gone@x.example")

        with transaction("test"):
            erasure.erase(gone.id, by=SYSTEM, at=NOON)

        assert "gone" not in f"{found(message).data} {found(message).state_reason}"
        assert found(message).data["delivered_to"] == ["ann@home.example", "bob@x.example"]


class TestOwnServer:
    """An inbox whose mail goes out by a server of its own."""

    @pytest.fixture
    def elsewhere(self, ticket: Ticket) -> Iterator[Handler]:
        """That server, which knows one password and one token."""
        handler = KnowsTheDesk()
        with serving(handler, authenticator=handler.knows, auth_require_tls=False) as url:
            handler.port = int(url.rpartition(":")[2])
            yield handler

    def connect(self, port: int, credentials: Password | Grant) -> None:
        login = MailLogin.PASSWORD if isinstance(credentials, Password) else MailLogin.GOOGLE
        there = {"host": "127.0.0.1", "port": 993, "security": MailSecurity.TLS, "username": "desk", "login": login}
        out = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": MailSecurity.NONE}
        secret = seal(credentials, SECRET_KEY)
        with transaction("test") as session:
            ours = session.scalars(select(Inbox)).one()
            session.add(Mailbox(inbox_id=ours.id, secret=secret, created_at=NOON, updated_at=NOON, **there, **out))

    @pytest.mark.parametrize(
        "credentials", [Password("secret"), Grant("id", access_token="good", expires_at=4e9)], ids=["password", "token"]
    )
    def test_mail_goes_out_there(
        self, server: Handler, elsewhere: "KnowsTheDesk", ticket: Ticket, credentials: Password | Grant
    ) -> None:
        self.connect(elsewhere.port, credentials)
        make.reply(ticket, make.agent(), "It is fixed.")

        deliver(ticket)

        assert (len(elsewhere.taken), len(server.taken)) == (1, 0)

    @pytest.mark.usefixtures("provider")
    def test_a_token_that_ended_early_is_replaced_at_once(
        self, server: Handler, elsewhere: "KnowsTheDesk", ticket: Ticket
    ) -> None:
        self.connect(elsewhere.port, Grant("id", access_token="old", refresh_token="r", expires_at=4e9))
        message = make.reply(ticket, make.agent(), "It is fixed.")

        deliver(ticket)

        assert found(message).state is MessageState.SENT
        assert (len(elsewhere.taken), found(message).attempts) == (1, 1)

    def test_a_password_that_is_wrong_keeps_the_mail_waiting(
        self, server: Handler, elsewhere: "KnowsTheDesk", ticket: Ticket
    ) -> None:
        self.connect(elsewhere.port, Password("wrong"))
        message = make.reply(ticket, make.agent(), "It is fixed.")

        deliver(ticket)

        assert found(message).state is MessageState.QUEUED
        assert "does not let us in: 535" in (found(message).state_reason or "")
        assert (elsewhere.taken, server.taken) == ([], [])


class KnowsTheDesk(Handler):
    """Lets the desk in, by password or by token."""

    port = 0

    def knows(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"desk", b"secret"), handled=False)

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        said = base64.b64decode(args[1])
        known = {f"user=desk\x01auth=Bearer {token}\x01\x01".encode() for token in ("good", "fresh")}
        return AuthResult(success=said in known, handled=False)


class TestSigning:
    """DKIM, on what a server really received."""

    @pytest.fixture
    def key(self, server: Handler) -> SigningKey:
        """The key of our domain."""
        with transaction("test"):
            return signing.create_key("Desk.example", selector="s1", secret_key=SECRET_KEY, by=SYSTEM, at=NOON)

    def test_what_arrives_verifies_and_whatever_is_changed_does_not(
        self, server: Handler, ticket: Ticket, key: SigningKey
    ) -> None:
        server.each = {}
        body = "Größe: 3 µm\n.\n..dots \n" + "long " * 300
        make.reply(ticket, make.agent(name="Zoé"), body, cc=["bob@x.example"])
        deliver(ticket)
        raw = server.taken[0]
        asked = []

        def dns(name: bytes, timeout: float = 5) -> bytes:
            asked.append(name)
            return signing.record_text(key, SECRET_KEY).encode()

        assert dkim.verify(raw, dnsfunc=dns)
        assert asked == [b"s1._domainkey.desk.example."]
        for old, new in TAMPERING:
            assert old in raw, old
            assert not dkim.verify(raw.replace(old, new, 1), dnsfunc=dns), old

    def test_a_domain_without_a_key_goes_unsigned_and_one_below_is_signed_by_it(
        self, server: Handler, key: SigningKey
    ) -> None:
        signers = signing.Signers(SECRET_KEY)

        assert signers.signer_for("home.example") is None
        assert signers.signer_for("mail.desk.example") == signers.signer_for("desk.example")

    def test_a_key_that_is_taken_away_signs_no_longer_than_a_minute(self, server: Handler, key: SigningKey) -> None:
        now = 100.0
        signers = signing.Signers(SECRET_KEY, clock=lambda: now)
        before = signers.signer_for("desk.example")
        with transaction("test"):
            signing.remove_key(signing.find_key("desk.example"), by=SYSTEM, at=NOON)
        soon = signers.signer_for("desk.example")
        now += 61

        assert before is not None
        assert soon == before
        assert signers.signer_for("desk.example") is None

    def test_mail_waits_while_its_key_cannot_be_read(self, server: Handler, key: SigningKey) -> None:
        with pytest.raises(TransientFailure, match="COMPTOIR_SECRET_KEY"):
            signing.Signers("another secret key, as long as the first").signer_for("desk.example")

    def test_a_new_key_waits_until_it_is_used_and_then_signs_alone(self, server: Handler, key: SigningKey) -> None:
        made = {"secret_key": SECRET_KEY, "by": SYSTEM, "at": NOON}
        with transaction("test"):
            new = signing.create_key("desk.example", selector="s2", **made)
        before = signing.Signers(SECRET_KEY).signer_for("desk.example")
        with transaction("test"):
            signing.use_key(new, by=SYSTEM, at=NOON)
        after = signing.Signers(SECRET_KEY).signer_for("desk.example")

        assert before is not None
        assert after is not None
        assert (before.selector, after.selector) == ("s1", "s2")
        assert [row.signs for row in signing.keys_of("desk.example")] == [False, True]
        with pytest.raises(Conflict), transaction("test"):
            signing.create_key("desk.example", selector="S2", **made)


TAMPERING = [
    (b"Subject: Re: The", b"Subject: Re: Your"),
    (b"To: Ann <ann@home.example>", b"To: Eve <eve@home.example>"),
    (b"Cc: bob@x.example", b"Cc: eve@x.example"),
    (b"Reply-To:", b"Reply-To: eve@evil.example,"),
    (b"MIME-Version: 1.0", b"MIME-Version: 1.1"),
    (b"Subject: ", b"From: eve@evil.example\r\nSubject: "),  # another of a kind that is there
    (b"Subject: ", b"Subject: Buy\r\nSubject: "),
    (b"dots", b"dot"),
]
