"""`comptoir init`: bring the store up to date and fill it. `comptoir migration`: for those who change the models."""

import click


@click.command()
@click.option("--demo", is_flag=True, help="Add the demonstration: an agent, a supervisor and an admin.")
def init(*, demo: bool) -> None:
    """Migrate the store and load the defaults; safe to run again."""
    from api.cli.context import application
    from api.seed import initialise
    from ticketing import schema

    with application() as app:
        before = schema.current()
        initialise(app, demo=demo)
        after = schema.current()
    moved = f"migrated from {before or 'nothing'} to {after}" if before != after else f"is at {after} already"
    click.echo(f"The store {moved}; the defaults are loaded{', with the demonstration' if demo else ''}.")


@click.command(hidden=True)
@click.argument("message")
def migration(message: str) -> None:
    """Write a migration from what the store is to what the models say; read it before you keep it."""
    from api.cli.context import application
    from ticketing import schema

    if not message.strip():
        raise click.UsageError('say what changes: make migration MESSAGE="Add a table"')
    with application():
        schema.upgrade()
        schema.write_migration(message)
