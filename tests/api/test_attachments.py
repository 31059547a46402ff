"""A file is given to who may see its ticket, to be saved and never to be run."""

import pytest
from flask.testing import FlaskClient
from werkzeug.http import parse_options_header

from tests import make


def test_an_agent_hears_the_voicemail(client: FlaskClient) -> None:
    ticket = make.ticket()
    file = make.attachment(ticket, b"RIFF and so on")
    ada = make.agent()

    shown = client.get(f"/api/v1/tickets/{ticket.id}/messages", headers=make.bearer(ada)).get_json()["items"][0]
    answer = client.get(f"/api/v1/attachments/{shown['attachments'][0]['id']}", headers=make.bearer(ada))

    assert shown["attachments"] == [
        {"id": file.id, "filename": "voicemail.wav", "content_type": "audio/x-wav", "size": 14, "content_id": ""}
    ]
    assert answer.data == b"RIFF and so on"


@pytest.mark.parametrize("filename", ["evil.html", 'a"b\r\nSet-Cookie: x=1.svg', "é 漢字.pdf", "../../etc/passwd", ""])
def test_a_hostile_file_is_only_ever_saved(client: FlaskClient, filename: str) -> None:
    file = make.attachment(make.ticket(), b"<script>alert(1)</script>", filename=filename)

    answer = client.get(f"/api/v1/attachments/{file.id}", headers=make.bearer(make.agent()))

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("filename", ["bill.pdf", "März №5 漢字 🙂.pdf", "it's 100% ours; really.txt", 'a"b\\c\n.txt'])
def test_every_name_goes_into_a_header_that_servers_and_browsers_take(client: FlaskClient, filename: str) -> None:
    file = make.attachment(make.ticket(), b"words", filename=filename)

    header = client.get(f"/api/v1/attachments/{file.id}", headers=make.bearer(make.agent())).headers[
        "Content-Disposition"
    ]

    assert header.isascii()
    assert header.isprintable()
    assert parse_options_header(header) == ("attachment", {"filename": filename})


def test_a_file_that_the_store_has_lost_is_a_404(client: FlaskClient) -> None:
    assert client.get("/api/v1/attachments/99", headers=make.bearer(make.agent())).status_code == 404
