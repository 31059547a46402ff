"""What a door answers in JSON: what became of what was brought."""

import orjson
from flask import Response

from channels.errors import MalformedPayload
from channels.gateway import Received


def told(received: Received, *, created: bool = False) -> Response:
    """Return the answer for an item that is kept. Raises MalformedPayload for one that nobody can read."""
    if received.malformed:
        raise MalformedPayload(f"{received.reason}; it is kept as item {received.item_id}")
    body = {
        "item": received.item_id,
        "state": received.state,
        "duplicate": received.duplicate,
        "ticket": received.ticket_id,
        "message": received.message_id,
    }
    is_new = created and received.message_id is not None and not received.duplicate
    return Response(orjson.dumps(body), 201 if is_new else 200, mimetype="application/json")
