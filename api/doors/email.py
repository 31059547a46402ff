"""`POST /inbound/email`: one raw mail, with the inbox's secret as bearer. For MTA pipes and providers that forward."""

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from api.doors.answers import told
from channels import gateway
from channels.email.inboxes import inbox_for_secret
from channels.protocol import RawItem
from ticketing.envelope import Channel
from ticketing.moment import utc_now

blueprint = Blueprint("inbound_email", __name__)


@blueprint.post("/inbound/email")
def receive() -> Response:
    """Keep a mail; 200 once it is safe, also for one that we had already."""
    authorization = request.headers.get("Authorization", "")
    inbox = inbox_for_secret(authorization, current_app.extensions["comptoir.settings"])
    body = request.get_data(cache=False)
    if request.content_length is None and len(body) >= (request.max_content_length or len(body) + 1):
        raise RequestEntityTooLarge  # werkzeug cuts a body of unannounced length without a word
    now = utc_now()
    item = RawItem(
        channel=Channel.EMAIL,
        kind="message",
        body=body,
        received_at=now,
        content_type="message/rfc822",
        headers={"authorization": authorization},
        meta={"door": "http", "recipient": inbox.address},
    )
    return told(gateway.receive(item, at=now))
