"""Put the application together: all that a worker, the ticker, the mail doors and commands need, and HTTP on top."""

from flask import Flask

import channels.email.models
import channels.models
import channels.phone.models
import sla.models
import ticketing.models
from api import reactions
from api.bare import BareFlask, NoSessions
from channels.setup import connect_channels
from config.settings import Settings
from ticketing import journal
from ticketing.files import connect_files
from ticketing.jobs import connect_jobs
from ticketing.realtime import connect_news
from ticketing.store import connect_store

# Every table is known once these are imported.
MODELS = (ticketing.models, channels.models, channels.email.models, channels.phone.models, sla.models)


def create_core(settings: Settings) -> Flask:
    """Return the application without HTTP. Nothing is asked of the database or of Redis yet."""
    app = BareFlask("api")
    app.session_interface = NoSessions()
    app.extensions["comptoir.settings"] = settings
    app.secret_key = settings.secret_key
    connect_store(app, settings)
    connect_jobs(app, settings)
    connect_news(app, settings)
    connect_files(app, settings)
    connect_channels(app, settings)
    journal.install(app, reactions.REACTIONS)
    return app


def create_app(settings: Settings) -> Flask:
    """Return the application with everything that it answers over HTTP."""
    from api.realtime.feed import connect_feed  # a third of all modules: who serves no HTTP starts without them
    from api.web import connect_web

    app = create_core(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.request_max_bytes
    connect_feed(app, settings)
    connect_web(app, settings)
    return app
