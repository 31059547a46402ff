"""What the doors for Twilio have in common: the request as it came, and the answers."""

from flask import Response, request

from channels.errors import InvalidSignature, MalformedPayload
from channels.gateway import Received
from channels.protocol import RawItem
from ticketing.envelope import Channel
from ticketing.moment import utc_now

KEPT_HEADERS = ("content-type", "x-twilio-signature", "i-twilio-idempotency-token")
MAX_HEADER = 500


def item_of_request(channel: Channel, kind: str) -> RawItem:
    """Return the request as it came. The query string stays as it was written: the signature covers it."""
    query = request.query_string.decode("latin-1")
    headers = {name: request.headers.get(name, "") for name in KEPT_HEADERS}
    if any(len(value) > MAX_HEADER for value in headers.values()):
        raise InvalidSignature("no header of Twilio's is that long")
    return RawItem(
        channel=channel,
        kind=kind,
        body=request.get_data(),
        received_at=utc_now(),
        content_type=headers["content-type"],
        url=request.path + (f"?{query}" if query else ""),
        headers={name: value for name, value in headers.items() if value},
        meta={"host": request.host[:MAX_HEADER], **_forwarded()},
    )


def _forwarded() -> dict[str, str]:
    """Return by which name a proxy says that it was called; of several, by the one nearest to the caller."""
    name = request.headers.get("X-Forwarded-Host", "").partition(",")[0].strip()[:MAX_HEADER]
    return {"forwarded_host": name} if name else {}


def readable(received: Received) -> Received:
    """Return what became of an item. Raises MalformedPayload for one that nobody can read."""
    if received.malformed:
        raise MalformedPayload(f"{received.reason}; it is kept as item {received.item_id}")
    return received


def xml(text: str) -> Response:
    """Answer a document."""
    return Response(text, mimetype="text/xml")
