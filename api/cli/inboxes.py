"""`comptoir inbox`: our own addresses, and the secret by which a mail server brings mail over HTTP."""

import click

CHANNELS = click.Choice(["email", "sms", "whatsapp", "phone", "chat"])


@click.group()
def inbox() -> None:
    """Our own addresses on the channels."""


@inbox.command("list")
def list_inboxes() -> None:
    """List the inboxes, a line each."""
    from sqlalchemy import select

    from api.cli.context import application
    from ticketing.models import Inbox
    from ticketing.store import db

    with application():
        for row in db.session().scalars(select(Inbox).order_by(Inbox.id)):
            click.echo(f"{row.id:>6}  {row.channel:<6} {row.address:<40} {row.queue.name:<20} {row.name}")


@inbox.command("create")
@click.argument("channel", type=CHANNELS)
@click.argument("address")
@click.option("--name", required=True, help="As customers read it.")
@click.option("--queue", required=True, help="The queue that it fills, by name or id.")
def create(channel: str, address: str, name: str, queue: str) -> None:
    """Add an address of ours; prints its id."""
    from api.cli.context import application
    from ticketing import inboxes
    from ticketing.envelope import Channel
    from ticketing.moment import utc_now
    from ticketing.queues import find_queue
    from ticketing.transaction import transaction

    with application() as app, transaction("cli"):
        row = inboxes.create_inbox(
            Channel(channel),
            address,
            name=name,
            queue=find_queue(queue),
            secret_key=app.extensions["comptoir.settings"].secret_key,
            at=utc_now(),
        )
        click.echo(row.id)


@inbox.command("secret")
@click.argument("address")
@click.option("--channel", type=click.Choice(["email", "chat"]), default="email", show_default=True)
@click.option("--new", is_flag=True, help="Make another one; the old one ends at once.")
def secret(address: str, channel: str, *, new: bool) -> None:
    """Print an inbox's secret, alone: the bearer of `POST /inbound/email`, or what a site signs its visitors with."""
    from api.cli.context import application
    from ticketing import inboxes
    from ticketing.envelope import Channel
    from ticketing.secrets import decrypt
    from ticketing.transaction import transaction

    with application() as app, transaction("cli"):
        key = app.extensions["comptoir.settings"].secret_key
        row = inboxes.find_inbox(Channel(channel), address)
        if new or row.secret is None:
            click.echo(inboxes.new_secret(row, key))
        else:
            click.echo(decrypt(row.secret, key))
