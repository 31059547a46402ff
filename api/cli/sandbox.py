"""`comptoir sandbox`: what a test or a newcomer needs to know to play a provider or a customer."""

import json
from typing import TYPE_CHECKING, Any

import click

from api.cli.context import application

if TYPE_CHECKING:
    from config.settings import Settings


@click.group()
def sandbox() -> None:
    """The sandbox, which plays the provider when there is no account."""


@sandbox.command()
def info() -> None:
    """Print the sandbox's account, our inboxes, and where mail goes in and comes out, as JSON."""
    with application() as app:
        click.echo(json.dumps(_info(app.extensions["comptoir.settings"]), indent=2))


def _info(settings: "Settings") -> dict[str, Any]:
    """Return the sandbox's own credentials, never real ones."""
    if not settings.sandbox or settings.twilio is None:
        raise click.ClickException(
            "this desk runs without its sandbox; COMPTOIR_SANDBOX=on, or `comptoir serve`, has one"
        )
    return {
        "account_sid": settings.twilio.account_sid,
        "auth_token": settings.twilio.auth_token,
        "inboxes": _inboxes(settings),
        "smtp": {"host": settings.smtp_host, "port": settings.smtp_port},
        "outbox": f"{settings.local_url}/sandbox/outbox",
    }


def _inboxes(settings: "Settings") -> list[dict[str, str]]:
    """Return our addresses; a mail inbox with the secret of its HTTP door."""
    from sqlalchemy import select

    from ticketing.models import Inbox
    from ticketing.secrets import decrypt
    from ticketing.store import db

    return [
        {"channel": row.channel.value, "name": row.name, "address": row.address}
        | ({"secret": decrypt(row.secret, settings.secret_key)} if row.secret else {})
        for row in db.session().scalars(select(Inbox).order_by(Inbox.id))
    ]
