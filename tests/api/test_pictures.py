"""The pictures of a mail: those that came along are found by their cid, those elsewhere wait until somebody asks."""

from email.message import EmailMessage

import pytest
from flask import Flask
from flask.testing import FlaskClient

from channels import gateway
from channels.protocol import RawItem
from tests import make
from tests.api.desk import admin
from tests.channels import letters
from tests.conftest import NOON
from ticketing.envelope import Channel

PNG = b"\x89PNG\r\n\x1a\n"
HTML = """\
<p>It still drips: <img src="cid:drip@home" alt="drip"></p>
<img src="https://shop.example/open.gif" width=1 height=1><img src="https://shop.example/logo.png">
<div class="gmail_quote"><div class="gmail_attr">On 3 Nov 2026, Support wrote:</div>
<blockquote class="gmail_quote">We are on it. <img src="http://desk.example/us.png"></blockquote></div>"""


@pytest.fixture
def ticket_id(app: Flask) -> int:
    """A ticket of one mail with pictures here and there."""
    make.inbox(Channel.EMAIL, address=letters.US)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = letters.LUCIE, letters.US, "Kettle"
    mail.set_content(HTML, subtype="html")
    mail.add_related(PNG, "image", "png", cid="<drip@home>", filename="drip.png")
    meta = {"door": "smtp", "recipient": letters.US}
    received = gateway.receive(RawItem(Channel.EMAIL, "message", mail.as_bytes(), NOON, meta=meta), at=NOON)
    return received.ticket_id or 0


def test_a_picture_that_came_along_is_found_by_its_cid(client: FlaskClient, ticket_id: int) -> None:
    desk = admin(client)

    (shown,) = desk.get(f"/tickets/{ticket_id}/messages").json["items"]

    (file,) = shown["attachments"]
    assert file["content_id"] == "drip@home"
    assert shown["html"].startswith('<p>It still drips: <img src="cid:drip@home" alt="drip"></p>')
    assert desk.get(f"/attachments/{file['id']}").data == PNG


def test_pictures_elsewhere_wait_until_somebody_asks(client: FlaskClient, ticket_id: int) -> None:
    desk = admin(client)

    (blocked,) = desk.get(f"/tickets/{ticket_id}/messages").json["items"]
    (asked,) = desk.get(f"/tickets/{ticket_id}/messages?pictures=remote").json["items"]

    assert '<img data-src="https://shop.example/logo.png">' in blocked["html"]
    assert '<img data-src="http://desk.example/us.png">' in blocked["quoted_html"]
    assert '<img src="https://shop.example/logo.png" referrerpolicy="no-referrer">' in asked["html"]
    assert '<img src="http://desk.example/us.png" referrerpolicy="no-referrer">' in asked["quoted_html"]
    assert "open.gif" not in asked["html"]
    assert {**asked, "html": "", "quoted_html": ""} == {**blocked, "html": "", "quoted_html": ""}


def test_html_is_split_as_the_text_is(client: FlaskClient, ticket_id: int) -> None:
    (shown,) = admin(client).get(f"/tickets/{ticket_id}/messages").json["items"]

    assert shown["body"].startswith("It still drips:")
    assert "We are on it." not in shown["body"] + shown["html"]
    assert "We are on it." in shown["quoted"]
    assert "We are on it." in shown["quoted_html"]


def test_pictures_are_asked_for_by_their_name(client: FlaskClient) -> None:
    ticket, desk = make.ticket(), admin(client)

    for asked in ("all", "", "remote,blocked", "Remote"):
        answer = desk.get(f"/tickets/{ticket.id}/messages?pictures={asked}")

        assert answer.status_code == 422
        assert "pictures" in answer.text
