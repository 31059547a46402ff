"""`comptoir inbound`: the raw items as they came in, quarantine and replay, and how we read a mail."""

import re
import sys
from pathlib import Path
from typing import Any

import click
import orjson

ITEM = click.IntRange(1, 2**63 - 1)
MAX_MAIL = 100_000_000  # bytes
LINE_ENDS = re.compile("[\x85\u2028\u2029]")  # JSON need not escape them, yet many programs end a line there


@click.group()
def inbound() -> None:
    """What came in through the doors, as it came."""


@inbound.command("list")
@click.option("--state", type=click.Choice(["received", "processed", "ignored", "quarantined"]))
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_items(state: str | None, limit: int) -> None:
    """List the newest items, a line each."""
    from sqlalchemy import select

    from api.cli.context import application
    from channels.models import InboundItem, ItemState
    from ticketing.store import db

    query = select(InboundItem).order_by(InboundItem.id.desc()).limit(limit)
    if state:
        query = query.where(InboundItem.state == ItemState(state))
    with application():
        for row in db.session().scalars(query):
            reason = f"  {row.reason}" if row.reason else ""
            click.echo(f"{row.id:>8}  {row.received_at:%Y-%m-%d %H:%M:%S}  {row.channel:<6} {row.state:<12}{reason}")


@inbound.command("show")
@click.argument("item_id", type=ITEM)
@click.option("--raw", is_flag=True, help="The payload alone, byte by byte.")
def show(item_id: int, *, raw: bool) -> None:
    """Show one item with its payload."""
    from api.cli.context import application
    from channels.models import InboundItem
    from ticketing.errors import NotFound
    from ticketing.store import db

    with application():
        row = db.session().get(InboundItem, item_id)
        if row is None:
            raise NotFound(f"there is no inbound item {item_id}")
        if raw:
            sys.stdout.buffer.write(row.body)
            return
        shown: dict[str, Any] = {
            name: getattr(row, name)
            for name in (
                "id",
                "channel",
                "kind",
                "state",
                "reason",
                "received_at",
                "processed_at",
                "message_id",
                "meta",
            )
        }
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
        click.echo(row.body.decode("utf-8", "replace"))


@inbound.command("replay")
@click.argument("item_ids", type=ITEM, nargs=-1)
@click.option("--quarantined", is_flag=True, help="All that are in quarantine.")
def replay(item_ids: tuple[int, ...], *, quarantined: bool) -> None:
    """Process items again, as after a mended fault; one that was processed stays as it is."""
    from sqlalchemy import select

    from api.cli.context import application
    from channels import gateway
    from channels.models import InboundItem, ItemState
    from ticketing.moment import utc_now
    from ticketing.store import db

    with application():
        ids = list(item_ids)
        if quarantined:
            waiting = select(InboundItem.id).where(InboundItem.state == ItemState.QUARANTINED)
            ids += db.session().scalars(waiting.order_by(InboundItem.id)).all()
        for item_id in ids:
            received = gateway.replay(item_id, at=utc_now())
            ticket = f" → ticket {received.ticket_id}" if received.ticket_id else ""
            click.echo(f"{item_id}: {received.state}{ticket}{f' ({received.reason})' if received.reason else ''}")


@inbound.command("parse")
@click.option("--jsonl", is_flag=True, help="One JSON object per file, in order.")
@click.argument("files", nargs=-1, required=True)
def parse(files: tuple[str, ...], *, jsonl: bool) -> None:
    """Say how we read raw mails. Touches no store."""
    for name in files:
        answer = orjson.dumps(_answer(name), option=0 if jsonl else orjson.OPT_INDENT_2).decode()
        click.echo(LINE_ENDS.sub(lambda end: f"\\u{ord(end[0]):04x}", answer))


def _answer(name: str) -> dict[str, Any]:
    """Return how we read the mail in a file, or why we could not: whatever happens, the next file is read too."""
    from channels.email.description import describe

    shown = name.encode(errors="surrogateescape").decode(errors="replace")  # a file's name may be any bytes
    try:
        with Path(name).open("rb") as file:
            raw = file.read(MAX_MAIL + 1)
        if len(raw) > MAX_MAIL:
            return {"file": shown, "error": f"cannot be read: larger than {MAX_MAIL} bytes"}
        return describe(shown, raw)
    except OSError as error:
        return {"file": shown, "error": f"cannot be read: {error.strerror or error}"}
    except Exception as error:  # noqa: BLE001 - an operator asks about many files at once, and wants to know which one
        return {"file": shown, "error": f"cannot be understood, a fault of ours: {type(error).__name__}: {error}"}
