"""What commands share: the application, and errors as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from config.logs import configure_logs
from config.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from flask import Flask


def read_settings() -> Settings:
    """Return the settings, or end the command with a sentence that names the variable."""
    try:
        settings = load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    configure_logs("warning" if settings.log_level == "info" else settings.log_level, settings.log_format)
    return settings


@contextmanager
def application() -> Iterator["Flask"]:
    """Run a block in the application's context; troubles that have a sentence end the command with it."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from api.app import create_core
    from channels.errors import ChannelError
    from ticketing.errors import TicketingError

    app = create_core(read_settings())
    with app.app_context():
        try:
            yield app
        except (TicketingError, ChannelError) as error:
            raise click.ClickException(str(error)) from None
        except (OperationalError, ProgrammingError) as error:
            cause = str(error.orig).strip().splitlines()[0]
            raise click.ClickException(
                f"the store is not ready ({cause}); is it up, and has `comptoir init` run?"
            ) from None
