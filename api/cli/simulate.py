"""`comptoir simulate`: play a customer of a desk that runs with its sandbox, through its public doors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.cli.context import application

if TYPE_CHECKING:
    from channels.sandbox.desk import Desk

PHONE = "+15145550177"
MAIL = "Camille Roy <camille@home.example>"

_to = click.option("--to", "recipient", default="", help="The desk's address; else its first inbox of this channel.")


@click.group()
def simulate() -> None:
    """Play a customer: text, call, write or chat to a desk that runs with its sandbox."""


@simulate.command()
@click.option("--from", "sender", default=PHONE, show_default=True, help="The customer's number.")
@_to
@click.option("--body", default="Hello, is my order on its way?", show_default=True, help="What they write.")
def sms(sender: str, recipient: str, body: str) -> None:
    """Send a text message."""
    from channels.sandbox import letters

    with _desk() as desk:
        ours = recipient or _first_inbox("sms")
        sid = letters.text(desk, sender=sender, recipient=ours, body=body)
        click.echo(f"{sender} wrote to {ours}: {body}\nThe desk has it as {sid}.")


@simulate.command()
@click.option(
    "--from", "sender", default=PHONE, show_default=True, help="The customer's number; anonymous withholds it."
)
@_to
@click.option("--voicemail", default="", help="What they say after the tone; without it they hang up there.")
@click.option(
    "--press",
    "keys",
    default=None,
    help="Keys that they press, one each time the desk lets them; with --voicemail it is 2, which asks for the tone.",
)
@click.option("--patience", default=10.0, show_default=True, help="For how many seconds they wait for a person.")
def call(sender: str, recipient: str, voicemail: str, keys: str | None, patience: float) -> None:
    """Call, listen, and perhaps leave a voicemail."""
    from channels.sandbox.telephone import Telephone

    pressed = keys if keys is not None else "2" * bool(voicemail)
    with _desk() as desk:
        telephone = Telephone(
            desk,
            caller=sender,
            ours=recipient or _first_inbox("phone"),
            voicemail=voicemail,
            keys=pressed,
            patience=patience,
            narrate=click.echo,
        )
        telephone.call()
        click.echo(f"The desk knows it as {telephone.call_sid}.")


@simulate.command()
@click.option(
    "--from", "sender", default=MAIL, show_default=True, help="The customer's address, with a name if you like."
)
@_to
@click.option("--subject", default="A question about my order", show_default=True)
@click.option("--body", default="Hello,\n\nis my order on its way?\n", help="What they write.")
@click.option("--reply-to", default="", metavar="MESSAGE_ID", help="The Message-ID of the mail that this one answers.")
def email(sender: str, recipient: str, subject: str, body: str, reply_to: str) -> None:
    """Send a mail."""
    from channels.sandbox import letters

    with _desk() as desk:
        ours = recipient or _first_inbox("email")
        message_id = letters.mail(desk, sender=sender, recipient=ours, subject=subject, body=body, reply_to=reply_to)
        click.echo(f"{sender} wrote to {ours}: {subject}\nThe desk's mail server took it as {message_id}.")


@simulate.command()
@click.option("--from", "sender", default="Camille", show_default=True, help="The visitor's name.")
@click.option("--to", "recipient", default="", help="The widget's key; else the desk's first.")
@click.option("--body", default="Hello, is anybody there?", show_default=True, help="What they write.")
@click.option("--email", default="", help="The address that they type.")
@click.option("--phone", default="", help="The number that they type, with its country code.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="What else the widget asks. Repeatable.")
@click.option("--language", default="", help="The language of the page, such as fr-CA.")
@click.option("--page", default="", help="The address of the page.")
@click.option("--identity", default="", help="A token in which the site says who that is (docs/chat.md).")
@click.option("--file", "files", multiple=True, type=click.Path(path_type=Path), help="A file to send. Repeatable.")
@click.option("--token", default="", help="The visitor's token of a chat of before, to go on with it.")
@click.option("--wait", default=0.0, help="For how many seconds they wait for answers, which are shown.")
def chat(
    sender: str,
    recipient: str,
    body: str,
    fields: tuple[str, ...],
    files: tuple[Path, ...],
    token: str,
    wait: float,
    **said: str,
) -> None:
    """Open a chat and write into it."""
    from channels.sandbox.chatting import ChatVisitor, wait_told

    with _desk() as desk:
        visitor = ChatVisitor(desk, token=token)
        if not token:
            asked = dict(one.partition("=")[::2] for one in fields)
            visitor.begin({"widget": recipient or _first_inbox("chat"), "name": sender, "fields": asked, **said})
        visitor.write(body, files)
        click.echo(f"{sender} wrote in the chat: {body}\n{wait_told(visitor.standing())}")
        for line in visitor.answers(wait):
            click.echo(line)
        click.echo(f"The visitor's token is {visitor.token}")


@contextmanager
def _desk() -> Iterator["Desk"]:
    """Yield the running desk; a trouble with it ends the command with its sentence."""
    from channels.sandbox.desk import Desk, DeskTrouble

    with application() as app:
        try:
            with Desk(app.extensions["comptoir.settings"]) as desk:
                yield desk
        except DeskTrouble as trouble:
            raise click.ClickException(str(trouble)) from None


def _first_inbox(channel: str) -> str:
    from sqlalchemy import select

    from ticketing.models import Inbox
    from ticketing.store import db

    address = db.session().scalar(select(Inbox.address).where(Inbox.channel == channel).order_by(Inbox.id).limit(1))
    if address is None:
        raise click.ClickException(f"the desk has no {channel} inbox; `comptoir init` makes the first ones")
    return address
