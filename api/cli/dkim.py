"""`comptoir dkim`: the keys that sign the mail that we send, and what DNS has to say of them."""

import click

SELECTOR = "comptoir"
which = click.option("--selector", default="", help="Which key of the domain; without it, the newest.")


@click.group()
def dkim() -> None:
    """Keys that sign our mail (DKIM)."""


@dkim.command("create")
@click.argument("domain")
@click.option("--selector", default=SELECTOR, show_default=True, help="Names the key in DNS; another for each new key.")
def create(domain: str, selector: str) -> None:
    """Make a key for the mail from a domain, and print the TXT record that its DNS needs.

    The first key signs within a minute; a later one when `comptoir dkim use` says so, so that DNS can know it by then.
    """
    from api.cli.context import application
    from channels.email import signing
    from ticketing.events import SYSTEM
    from ticketing.moment import utc_now
    from ticketing.transaction import transaction

    with application() as app, transaction("cli"):
        key = app.extensions["comptoir.settings"].secret_key
        row = signing.create_key(domain, selector=selector, secret_key=key, by=SYSTEM, at=utc_now())
        click.echo(signing.zone_line(signing.record_name(row), signing.record_text(row, key)))


@dkim.command("list")
def list_keys() -> None:
    """List the keys, a line each; the one that signs for its domain says so."""
    from api.cli.context import application
    from channels.email import signing

    with application():
        for row in signing.list_keys():
            click.echo(f"{row.domain:<40} {row.selector:<20} {row.created_at:%Y-%m-%d} {'signs' if row.signs else ''}")


@dkim.command("show")
@click.argument("domain")
@which
def show(domain: str, selector: str) -> None:
    """Print the TXT record of a key once more."""
    from api.cli.context import application
    from channels.email import signing

    with application() as app:
        row = signing.find_key(domain, selector)
        text = signing.record_text(row, app.extensions["comptoir.settings"].secret_key)
        click.echo(signing.zone_line(signing.record_name(row), text))


@dkim.command("use")
@click.argument("domain")
@which
def use(domain: str, selector: str) -> None:
    """Sign with this key from now on, and with no other of its domain."""
    from api.cli.context import application
    from channels.email import signing
    from ticketing.events import SYSTEM
    from ticketing.moment import utc_now
    from ticketing.transaction import transaction

    with application(), transaction("cli"):
        signing.use_key(signing.find_key(domain, selector), by=SYSTEM, at=utc_now())


@dkim.command("remove")
@click.argument("domain")
@which
def remove(domain: str, selector: str) -> None:
    """Take a key away. Leave its record in DNS for a week: mail that is on its way needs it."""
    from api.cli.context import application
    from channels.email import signing
    from ticketing.errors import InvalidInput
    from ticketing.events import SYSTEM
    from ticketing.moment import utc_now
    from ticketing.transaction import transaction

    with application(), transaction("cli"):
        row = signing.find_key(domain, selector)
        if not selector and len(signing.keys_of(row.domain)) > 1:
            raise InvalidInput(f"{row.domain} has several keys; say which: --selector")
        signing.remove_key(row, by=SYSTEM, at=utc_now())


@dkim.command("check")
@click.argument("domain")
@which
def check(domain: str, selector: str) -> None:
    """Ask DNS whether the world can check a key's signatures; ends with 1 when it cannot."""
    from api.cli.context import application
    from channels.email import signing, signing_check

    with application() as app:
        row = signing.find_key(domain, selector)
        name, public = signing.record_name(row), signing.public_key(row, app.extensions["comptoir.settings"].secret_key)
    try:
        wrong = signing_check.verdict(signing_check.published(name), public)
    except signing_check.NoAnswer as error:
        raise click.ClickException(f"{name}: {error}") from None
    if wrong:
        raise click.ClickException(f"{name}: {wrong}")
    click.echo(f"{name}: the key in DNS is ours")
