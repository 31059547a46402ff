"""The page of the sandbox as it is served: what it may do, what it asks for, and that no real desk has it."""

import re
from dataclasses import replace

from flask import Flask

from api.app import create_app
from channels.sandbox.mailbox import read_mail
from channels.sandbox.store import SandboxStore
from config.settings import Settings
from tests import make

THEIRS = "camille@home.example"
MAIL = f"""From: Desk <support@desk.example>
To: {THEIRS}
Subject: Your kettle
Message-ID: <1@desk.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="x"

--x
Content-Type: multipart/alternative; boundary="y"

--y
Content-Type: text/plain

A new one is on its way.
--y
Content-Type: text/html

<p>A <b>new</b> one.</p><script>alert(1)</script>
--y--
--x
Content-Type: application/pdf
Content-Disposition: attachment; filename="bill.pdf"

%PDF
--x--
"""


def keep(app: Flask, recipient: str = THEIRS) -> None:
    settings: Settings = app.extensions["comptoir.settings"]
    SandboxStore(settings).keep(read_mail(MAIL.encode(), "support@desk.example", recipient))


def test_the_page_may_run_our_own_script_and_nothing_else(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()

    page = client.get("/sandbox")

    assert page.status_code == client.get("/sandbox/").status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert "://" not in page.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page.text)
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        with client.get(address) as file:
            assert file.status_code == 200, address


def test_a_real_desk_has_no_such_page(base_settings: Settings) -> None:
    client = create_app(replace(base_settings, sandbox=False)).test_client()

    for path in ("/sandbox", "/sandbox/desk", "/sandbox/mails", "/sandbox/mails/1/page", "/static/sandbox/page.js"):
        assert client.get(path).status_code == 404, path


def test_the_desk_is_told_without_a_secret(sqlite_app: Flask) -> None:
    browser = make.agent(name="Agnès", device_kind="browser")
    make.agent(name="Ben", device_kind="number", device_address="+15145550188")
    make.agent(name="Carl")
    make.agent(name="Gone", is_active=False)
    queue = make.queue()

    told = sqlite_app.test_client().get("/sandbox/desk").get_json()

    assert [one["device"] for one in told["agents"]] == [f"client:agent-{browser.id}", "+15145550188", ""]
    assert told["agents"][0] == {
        "id": browser.id,
        "name": "Agnès",
        "role": "agent",
        "device": f"client:agent-{browser.id}",
    }
    assert told["queues"] == [{"id": queue.id, "name": queue.name}]


def test_a_mailbox_shows_its_own_mails_from_behind_a_number(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    keep(sqlite_app, "somebody@else.example")
    keep(sqlite_app)

    first = client.get("/sandbox/mails", query_string={"to": THEIRS}).get_json()
    keep(sqlite_app)
    second = client.get("/sandbox/mails", query_string={"to": THEIRS, "after": first["next"]}).get_json()

    (mail,) = first["items"]
    assert (mail["subject"], mail["is_designed"], mail["attachments"]) == ("Your kettle", True, ["bill.pdf"])
    assert "html" not in mail
    assert [one["n"] for one in second["items"]] == [second["next"]]
    for odd in ("x", "-1", str(10**30)):
        assert client.get("/sandbox/mails", query_string={"to": THEIRS, "after": odd}).status_code == 200, odd


def test_a_designed_mail_is_a_page_that_may_do_nothing(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    keep(sqlite_app)
    number = client.get("/sandbox/mails", query_string={"to": THEIRS}).get_json()["next"]

    page = client.get(f"/sandbox/mails/{number}/page")

    assert "<b>new</b>" in page.text
    assert page.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for other in (number + 1, 10**30):
        assert client.get(f"/sandbox/mails/{other}/page").status_code == 404
