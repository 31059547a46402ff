"""The command `comptoir`. Commands import what they need when they run, so that `--help` is quick."""

import os

import click

from api.cli.dkim import dkim
from api.cli.inbound import inbound
from api.cli.inboxes import inbox
from api.cli.mailboxes import mailbox
from api.cli.openapi import openapi
from api.cli.people import agent, token
from api.cli.processes import serve, smtp, ticker, web, worker
from api.cli.sandbox import sandbox
from api.cli.search import search
from api.cli.simulate import simulate
from api.cli.store import init, migration
from config import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="comptoir")
def main() -> None:
    """Support desk for phone, SMS, email and chat. Start everything with `comptoir serve`."""
    os.umask(0o077)  # customers' words are in the data folder


for command in (
    serve,
    web,
    worker,
    ticker,
    smtp,
    init,
    migration,
    agent,
    token,
    inbox,
    mailbox,
    dkim,
    inbound,
    sandbox,
    search,
    simulate,
    openapi,
):
    main.add_command(command)
