"""`comptoir search rebuild`: index every ticket's words again."""

import click


@click.group()
def search() -> None:
    """Look after the index of words."""


@search.command()
def rebuild() -> None:
    """Read every ticket's words again, the newest first; searches go on meanwhile. Safe to stop and to repeat.

    Needed only after tickets were written past the program, say by a script of your own.
    """
    from sqlalchemy import func, select

    from api.cli.context import application
    from ticketing.models import Ticket
    from ticketing.search import read_again, ticket_batches
    from ticketing.store import db
    from ticketing.transaction import transaction

    with application():
        count = db.session().scalar(select(func.count()).select_from(Ticket)) or 0
        done = 0
        with click.progressbar(length=count, label="Indexing tickets") as bar:
            for batch in ticket_batches():
                with transaction("cli"):
                    read_again(batch)
                done += len(batch)
                bar.update(len(batch))
    click.echo(f"{done} tickets are indexed.")
