"""`comptoir mailbox`: the mailboxes on IMAP servers whose mail fills our inboxes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from channels.email.mailboxes.connecting import Server
    from channels.email.mailboxes.credentials import Credentials
    from channels.email.models import Mailbox

SECURITY = click.Choice(["tls", "starttls", "none"])
PORT = click.IntRange(1, 65535)


@click.group()
def mailbox() -> None:
    """Mailboxes on IMAP servers that fill our inboxes."""


@mailbox.command("connect")
@click.argument("address")
@click.option("--host", required=True, help="The IMAP server.")
@click.option("--port", type=PORT, help="Without it 993, or 143 where TLS does not begin at the first byte.")
@click.option("--security", type=SECURITY, default="tls", show_default=True)
@click.option("--username", help="Without it, the inbox's address.")
@click.option("--login", type=click.Choice(["password", "microsoft", "google"]), default="password", show_default=True)
@click.option("--password-file", type=click.File("r"), help="Where the password stands; - is standard input.")
@click.option("--client-id", help="The app at Microsoft or Google.")
@click.option("--client-secret-file", type=click.File("r"), help="Where the app's secret stands, if it has one.")
@click.option("--tenant", default="", help="Microsoft's word for whose accounts; without it, any organisation's.")
@click.option("--folder", default="INBOX", show_default=True)
@click.option("--move-to", help="The folder for mail that we have; without it the mailbox is left as it is.")
@click.option("--all/--new", "all_mail", default=None, help="Whether mail that is there already is ours too; no.")
@click.option("--smtp-host", help="Where its answers go out; without it by COMPTOIR_SMTP_URL.")
@click.option("--smtp-port", type=PORT, help="Without it 465, or 587 where TLS does not begin at the first byte.")
@click.option("--smtp-security", type=SECURITY, default="tls", show_default=True)
def connect(address: str, **asked: Any) -> None:
    """Have the mail of a mailbox fill the inbox with this ADDRESS; asks for the password unless a file has it."""
    from api.cli.context import application
    from channels.email.mailboxes.connecting import Server, Wanted, connect_mailbox
    from channels.email.models import MailLogin, MailSecurity
    from ticketing import inboxes
    from ticketing.envelope import Channel
    from ticketing.events import SYSTEM
    from ticketing.moment import utc_now
    from ticketing.transaction import transaction

    wanted = Wanted(
        imap=Server(asked["host"], asked["port"], MailSecurity(asked["security"])),
        username=asked["username"] or address,
        login=MailLogin(asked["login"]),
        credentials=_credentials(asked),
        folder=asked["folder"],
        move_to=asked["move_to"],
        all_mail=asked["all_mail"],
        smtp=_smtp(asked),
    )
    with application() as app, transaction("cli"):
        secret_key = app.extensions["comptoir.settings"].secret_key
        inbox = inboxes.find_inbox(Channel.EMAIL, address)
        connect_mailbox(inbox, wanted, secret_key=secret_key, by=SYSTEM, at=utc_now())
    then = "check" if wanted.login is MailLogin.PASSWORD else "authorise"
    click.echo(f"Connected. Now `comptoir mailbox {then} {address}`.")


@mailbox.command("authorise")
@click.argument("address")
def authorise(address: str) -> None:
    """Have a person grant us a mailbox at Microsoft or Google; needs a browser, anywhere."""
    from flask import current_app

    from channels.email.mailboxes import connecting, tokens
    from channels.email.mailboxes.oauth import PROVIDERS
    from ticketing.moment import utc_now
    from ticketing.transaction import transaction

    with _mailbox(address) as row:
        secret_key = current_app.extensions["comptoir.settings"].secret_key
        grant, login, inbox_id = connecting.grant_of(row, secret_key), row.login, row.inbox_id
        way = current_app.extensions.get(tokens.WAY)
        granted = PROVIDERS[login].authorised(grant, tell=click.echo, ask=click.prompt, now=utc_now, way=way)
        with transaction("cli"):
            changed = connecting.find_mailbox(inbox_id, lock=True)
            if changed is not None:
                connecting.keep_grant(changed, granted, secret_key=secret_key, at=utc_now())
    click.echo(f"Granted. Now `comptoir mailbox check {address}`.")


@mailbox.command("check")
@click.argument("address")
def check(address: str) -> None:
    """Connect once, and say what works and what does not. Changes nothing."""
    from channels.email.mailboxes import checking, tokens
    from channels.email.mailboxes.account import Account
    from ticketing.moment import utc_now

    with _mailbox(address) as row:
        account = Account.of(row)
        well = True
        for finding in checking.check(account, lambda: tokens.log_in_with(account.id, now=utc_now)):
            click.echo(f"{'ok ' if finding.is_well else 'NO '} {finding.words}")
            well = well and finding.is_well
    if not well:
        sys.exit(1)


@mailbox.command("list")
def list_mailboxes() -> None:
    """List the mailboxes, a line each, and what is wrong with them."""
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    from api.cli.context import application
    from channels.email.mailboxes.standing import is_watched
    from channels.email.models import Mailbox
    from ticketing.moment import utc_now
    from ticketing.store import db

    query = select(Mailbox).options(joinedload(Mailbox.inbox)).order_by(Mailbox.id)
    with application():
        for row in db.session().scalars(query):
            state = row.state if is_watched(row, at=utc_now()) else "unwatched" if row.enabled else "off"
            numbers = "not counted yet" if row.counted_at is None else f"{row.on_server} there, {row.missing} missing"
            click.echo(f"{row.inbox.address:<40} {row.host}:{row.port:<6} {state:<10} {numbers}  {row.error}".rstrip())


@mailbox.command("disconnect")
@click.argument("address")
def disconnect(address: str) -> None:
    """Take the mailbox from the inbox with this ADDRESS; what came from it stays."""
    from api.cli.context import application
    from channels.email.mailboxes.connecting import disconnect_mailbox
    from ticketing import inboxes
    from ticketing.envelope import Channel
    from ticketing.events import SYSTEM
    from ticketing.moment import utc_now
    from ticketing.transaction import transaction

    with application(), transaction("cli"):
        disconnect_mailbox(inboxes.find_inbox(Channel.EMAIL, address), by=SYSTEM, at=utc_now())


@contextmanager
def _mailbox(address: str) -> "Iterator[Mailbox]":
    """Run a block with the mailbox of an inbox; no transaction is open, for the block waits for others."""
    from api.cli.context import application
    from channels.email.mailboxes.connecting import mailbox_of
    from ticketing import inboxes
    from ticketing.envelope import Channel

    with application():
        yield mailbox_of(inboxes.find_inbox(Channel.EMAIL, address))


def _credentials(asked: dict[str, Any]) -> "Credentials | None":
    from channels.email.mailboxes.credentials import Grant, Password

    if asked["login"] != "password":
        if not asked["client_id"]:
            raise click.UsageError(
                "--login microsoft and google need --client-id: the app that you have registered there"
            )
        secret = asked["client_secret_file"].readline().rstrip("\r\n") if asked["client_secret_file"] else ""
        return Grant(asked["client_id"], client_secret=secret, tenant=asked["tenant"])
    if asked["password_file"] is not None:
        return Password(asked["password_file"].readline().rstrip("\r\n"))
    return Password(click.prompt("Password", hide_input=True)) if sys.stdin.isatty() else None


def _smtp(asked: dict[str, Any]) -> "Server | None":
    from channels.email.mailboxes.connecting import Server
    from channels.email.models import MailSecurity

    if not asked["smtp_host"]:
        return None
    return Server(asked["smtp_host"], asked["smtp_port"], MailSecurity(asked["smtp_security"]))
