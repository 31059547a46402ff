"""Put the application together: settings, store, jobs, files, channels, reactions, HTTP."""

from flask import Flask

import channels.email.models
import channels.models
import channels.phone.models
import sla.models
import ticketing.models
from api import reactions
from api.bare import BareFlask, NoSessions
from api.realtime.feed import connect_feed
from api.web import connect_web
from channels.setup import connect_channels
from config.settings import Settings
from ticketing import journal
from ticketing.files import connect_files
from ticketing.jobs import connect_jobs
from ticketing.realtime import connect_news
from ticketing.store import connect_store

# Every table is known once these are imported.
MODELS = (ticketing.models, channels.models, channels.email.models, channels.phone.models, sla.models)


def create_app(settings: Settings) -> Flask:
    """Return the application. Nothing is asked of the database or of Redis yet."""
    app = BareFlask("api")
    app.session_interface = NoSessions()
    app.extensions["comptoir.settings"] = settings
    app.secret_key = settings.secret_key
    app.config["MAX_CONTENT_LENGTH"] = settings.request_max_bytes
    connect_store(app, settings)
    connect_jobs(app, settings)
    connect_news(app, settings)
    connect_files(app, settings)
    connect_channels(app, settings)
    journal.install(app, reactions.REACTIONS)
    connect_feed(app, settings)
    connect_web(app, settings)
    return app
