"""What goes over the wire: Server-Sent Events (WHATWG HTML, 9.2, "Server-sent events")."""

from typing import Any

import orjson

from api.realtime.positions import Position, written

HEARTBEAT_SECONDS = 10
RETRY_SECONDS = (1.0, 4.0)  # a client comes back after some time between: not all of them at once


def frame(event: str, data: Any, number: str = "") -> bytes:
    """Return one event; with a `number`, a client that has it goes on behind it. `data` may be JSON already."""
    text = data if isinstance(data, bytes) else orjson.dumps(data, option=orjson.OPT_UTC_Z)
    head = f"id: {number}\nevent: {event}\ndata: " if number else f"event: {event}\ndata: "
    return b"%b%b\n\n" % (head.encode(), text)


def heartbeat(epoch: str, position: Position) -> bytes:
    """Return what no program sees: it holds the connection open, and a client's position up to date."""
    return f": \nid: {written(epoch, position)}\n\n".encode()


def retry(seconds: float) -> bytes:
    """Return after how long a client shall come back."""
    return f"retry: {int(seconds * 1000)}\n\n".encode()
