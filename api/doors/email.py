"""`POST /inbound/email`: one raw mail, with the inbox's secret as bearer. For MTA pipes and providers that forward.

Who knows the envelope may say it: `X-Envelope-Sender` and `X-Envelope-Recipient`, with or without angle brackets.
"""

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from api.doors.answers import told
from channels.email.inboxes import inbox_for_secret
from channels.email.mail_intake import Envelope, take_in
from ticketing.moment import utc_now

MAX_ADDRESS = 320

blueprint = Blueprint("inbound_email", __name__)


@blueprint.post("/inbound/email")
def receive() -> Response:
    """Keep a mail; 200 once it is safe, also for one that we had already."""
    authorization = request.headers.get("Authorization", "")
    inbox = inbox_for_secret(authorization, current_app.extensions["comptoir.settings"])
    body = request.get_data(cache=False)
    if request.content_length is None and len(body) >= (request.max_content_length or len(body) + 1):
        raise RequestEntityTooLarge  # werkzeug cuts a body of unannounced length without a word
    recipient = _address("X-Envelope-Recipient")
    envelope = Envelope(_address("X-Envelope-Sender"), {inbox.address: [recipient] if recipient else []})
    headers = {"authorization": authorization}
    return told(take_in(body, envelope, inbox.address, door="http", at=utc_now(), headers=headers))


def _address(header: str) -> str | None:
    """Return an address of the envelope, "" for the empty one; None when it is not given, or makes no sense."""
    given = request.headers.get(header)
    if given is None:
        return None
    address = given.strip().removeprefix("<").removesuffix(">")
    return address if len(address) <= MAX_ADDRESS and address.isprintable() and " " not in address else None
