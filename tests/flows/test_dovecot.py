"""A mailbox at a real IMAP server: mail is here at once, and whatever goes wrong, none is lost and none comes twice."""

import smtplib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from channels.email.mailboxes.watching import MailboxWatch
from tests import make
from tests.api.desk import Desk
from tests.flows.mail_server import LOOPBACK, PASSWORD, USER, BadLine, MailServer, mail_server
from ticketing.envelope import Channel
from ticketing.models import Role, Ticket
from ticketing.moment import utc_now
from ticketing.store import db

LARGE = 400_000  # bytes; enough to break off in the middle
ADDRESS = f"{USER}@desk.example"


class Flow:
    """A desk whose mail inbox is filled from a mailbox, over a line that can break."""

    def __init__(self, app: Flask, server: MailServer, line: BadLine) -> None:
        self.app, self.server, self.line = app, server, line
        self.admin = Desk(app.test_client(), make.agent(Role.ADMIN))
        self.inbox_id = make.inbox(Channel.EMAIL, address=ADDRESS).id
        self.written: list[str] = []  # the subjects of mails that shall become tickets

    def write(self, subject: str, *, size: int = 0, expected: bool = True) -> None:
        """A customer writes; the mail goes through the SMTP server into the mailbox."""
        message = EmailMessage()
        message["From"] = "Lucie Tremblay <lucie@home.example>"
        message["To"] = ADDRESS
        message["Subject"] = subject
        message["Message-ID"] = f"<{time.time_ns()}@home.example>"
        message.set_content("It drips.\n" + "drip drip drip drip drip drip drip\n" * (size // 35))
        with smtplib.SMTP(LOOPBACK, self.server.smtp_port, timeout=60) as smtp:
            smtp.sendmail("lucie@home.example", [ADDRESS], message.as_bytes(policy=SMTP))
        if expected:
            self.written.append(subject)

    @property
    def subjects(self) -> list[str]:
        db.session.rollback()
        return list(db.session().scalars(select(Ticket.subject)))

    def is_here(self, subject: str) -> bool:
        return subject in self.subjects

    @property
    def mailbox(self) -> dict[str, Any]:
        db.session.rollback()
        db.session().expire_all()
        answer = self.admin.get(f"/inboxes/{self.inbox_id}/mailbox")
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    @property
    def ready(self) -> tuple[int, dict[str, Any]]:
        db.session.rollback()
        answer = self.app.test_client().get("/readyz")
        return answer.status_code, dict(answer.json or {})

    def nothing_is_lost_or_twice(self) -> None:
        assert Counter(self.subjects) == Counter(self.written)


@pytest.fixture
def flow(sqlite_app: Flask) -> Iterator[Flow]:
    with mail_server() as server, closing(BadLine(server.imap_port)) as line:
        server.deliver(b"From: old@home.example\r\nSubject: Before us\r\n\r\nlong ago\r\n", age_seconds=5 * 86_400)
        watch = MailboxWatch(sqlite_app).start()
        try:
            yield Flow(sqlite_app, server, line)
        finally:
            watch.stop()


def test_a_mailbox_through_everything_that_happens_to_it(flow: Flow) -> None:
    _connect(flow)
    _idle_brings_mail_at_once(flow)
    _the_mailbox_is_as_it_was(flow)
    _an_answer_goes_out_by_its_own_server(flow)
    _a_connection_that_is_cut_in_the_middle_of_a_fetch(flow)
    _a_mail_that_is_deleted_under_us(flow)
    _numbers_that_begin_anew(flow)
    _a_wrong_password(flow)
    flow.nothing_is_lost_or_twice()
    assert flow.mailbox["missing"] == 0
    assert flow.server.flags() == set()


def _connect(flow: Flow) -> None:
    imap = {"host": LOOPBACK, "port": flow.line.port, "security": "none", "username": USER, "password": PASSWORD}
    smtp = {"host": LOOPBACK, "port": flow.server.smtp_port, "security": "none"}

    answer = flow.admin.put(f"/inboxes/{flow.inbox_id}/mailbox", {**imap, "smtp": smtp})

    assert answer.status_code == 200, answer.text
    wait_for(lambda: flow.mailbox["state"] == "watched", what="the mailbox is watched")
    assert flow.mailbox["on_server"] == 0  # what was there before us is none of ours


def _idle_brings_mail_at_once(flow: Flow) -> None:
    wait_for(lambda: flow.line.has_idled, what="it idles")
    for number in range(3):
        flow.write(f"At once {number}")
        began_at = time.monotonic()
        wait_for(lambda number=number: flow.is_here(f"At once {number}"), what="the mail")  # type: ignore[misc]

        assert time.monotonic() - began_at < 30  # untold it would look once a minute


def _the_mailbox_is_as_it_was(flow: Flow) -> None:
    assert flow.server.flags() == set()


def _an_answer_goes_out_by_its_own_server(flow: Flow) -> None:
    ticket = db.session().scalars(select(Ticket).where(Ticket.subject == "At once 0")).one()
    make.reply(ticket, make.agent(), "We are on it.", at=utc_now())
    make.work_off()

    wait_for(lambda: [to for to, mail in flow.server.sent if b"We are on it." in mail], what="the answer")

    assert {to for to, _ in flow.server.sent} == {"lucie@home.example"}


def _a_connection_that_is_cut_in_the_middle_of_a_fetch(flow: Flow) -> None:
    flow.line.cut_after = LARGE // 2
    flow.write("Cut in the middle", size=LARGE)

    wait_for(lambda: flow.is_here("Cut in the middle"), what="the mail at which the line broke")

    assert flow.line.cut_after is None  # it did break
    flow.write("After the cut")
    wait_for(lambda: flow.is_here("After the cut"))
    flow.nothing_is_lost_or_twice()


def _a_mail_that_is_deleted_under_us(flow: Flow) -> None:
    flow.line.before_fetch = lambda: flow.server.expunge("Gone at once")
    flow.write("Gone at once", expected=False)
    wait_for(lambda: flow.line.before_fetch is None, what="the fetch")
    flow.write("After the one that went")

    wait_for(lambda: flow.is_here("After the one that went"))

    assert flow.mailbox["failed"] == []
    flow.nothing_is_lost_or_twice()


def _numbers_that_begin_anew(flow: Flow) -> None:
    before = flow.mailbox
    flow.line.is_down = True
    flow.line.cut()
    wait_for(lambda: flow.mailbox["state"] == "troubled", what="the line is noticed to be down")
    flow.write("While the numbers were lost")
    flow.server.number_anew()
    flow.line.is_down = False

    wait_for(lambda: flow.is_here("While the numbers were lost"), what="mail under new numbers")
    wait_for(lambda: flow.mailbox["state"] == "watched" and flow.mailbox["counted_at"] > before["counted_at"])

    assert flow.mailbox["on_server"] == len(flow.written)
    assert flow.mailbox["missing"] == 0
    flow.nothing_is_lost_or_twice()


def _a_wrong_password(flow: Flow) -> None:
    parts = ("database", "redis", "mailboxes", "twilio")
    assert flow.ready == (200, {"status": "ok", "checks": dict.fromkeys(parts, "ok")})
    flow.server.set_password("another one")
    flow.line.cut()
    flow.write("While the password was wrong")

    wait_for(lambda: "user name and password" in flow.mailbox["error"], what="the trouble")

    status, told = flow.ready
    assert (status, told["status"]) == (200, "degraded")
    assert told["checks"]["mailboxes"] == "1 of 1 in trouble"
    flow.server.set_password(PASSWORD)
    wait_for(lambda: flow.is_here("While the password was wrong"), what="the next attempt")  # by itself, a while later
    wait_for(lambda: flow.ready[1]["status"] == "ok")


def wait_for(condition: Callable[[], object], *, what: str = "", seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"still waiting after {seconds} s: {what}"
        time.sleep(0.05)
