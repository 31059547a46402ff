"""A desk with a chat widget behind real sockets, that can stop and start again, and a shop on another origin."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import requests
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import BaseWSGIServer, make_server

from api.app import create_app
from api.embedded import ports
from api.reactions import carry_out
from config.settings import Settings
from tests import make
from tests.conftest import SECRET_KEY
from ticketing import agents
from ticketing.envelope import Channel
from ticketing.models import Agent, Inbox, JournalEntry, Presence, Ticket
from ticketing.moment import utc_now
from ticketing.secrets import encrypt
from ticketing.store import db
from ticketing.transaction import transaction

KEY = "shop"
SITE_SECRET = "what only the shop and the desk know"
WAITING = select(JournalEntry.id).where(JournalEntry.dispatched_at.is_(None)).order_by(JournalEntry.id)
POLICY = (  # docs/chat.md: what a site's policy has to allow, and nothing else
    "default-src 'none'; script-src {desk}; connect-src {desk}; img-src data: blob:; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SHOP = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>A shop</title>
<meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<link rel="icon" href="data:,"></head>
<body><main><h1>A shop</h1><p>Kettles.</p><a href="other.html">Another page</a> <button>Buy</button></main>
<script src="{desk}/static/widget/comptoir.js" data-widget="{key}" async></script></body></html>"""


class Desk:
    """The desk. Its workers work when they are told; Agnès, an agent, works through the API."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.url = settings, settings.local_url
        self.app: Flask = create_app(settings)
        self._server: BaseWSGIServer | None = None
        self.token = self.shop = ""

    def start(self) -> None:
        """Answer, with a process that knows nothing of the one before."""
        self.app = create_app(self.settings)
        self._server = make_server("127.0.0.1", self.settings.port, self.app, threaded=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Answer no more, and end the streams."""
        assert self._server is not None
        self._server.shutdown()
        self.app.extensions["comptoir.feed"].close()
        self._server.server_close()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def widget(self, **settings: Any) -> None:
        """Set what the widget asks and looks like; its shop's origin stays listed."""
        with self.app.app_context(), transaction("test") as session:
            inbox = session.scalars(select(Inbox).where(Inbox.channel == Channel.CHAT)).one()
            inbox.settings = {"origins": [self.shop], **settings}

    def presence(self, presence: Presence) -> None:
        """Have Agnès take work, or go home."""
        with self.app.app_context(), transaction("test") as session:
            session.scalars(select(Agent)).one().presence = presence

    def newest_ticket(self) -> int:
        """The ticket that was opened last, 0 for none."""
        with self.app.app_context():
            return db.session().scalar(select(Ticket.id).order_by(Ticket.id.desc()).limit(1)) or 0

    def do(self, method: str, path: str, body: Any = None, **values: Any) -> Any:
        """Call the API as Agnès, about the newest ticket where the path says `TICKET`, and let the workers work."""
        path = path.replace("TICKET", f"/tickets/{self.newest_ticket()}" if "TICKET" in path else "")
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=60, **values)
        assert answer.ok, answer.text
        self.work()
        return answer.json() if answer.content else None

    def take(self) -> None:
        """Take the newest ticket."""
        self.do("PUT", "TICKET/assignment", {"agent": "me"})

    def reply(self, body: str, **values: Any) -> None:
        """Reply on the newest ticket."""
        self.do("POST", "TICKET/replies", {"body": body, **values})

    def identity(self, subject: str, **claims: str) -> str:
        """Return the site's word for a visitor."""
        until = int((utc_now() + timedelta(minutes=5)).timestamp())
        return jwt.encode({"sub": subject, "exp": until, **claims}, SITE_SECRET, "HS256")

    def upload(self, filename: str, content: bytes) -> int:
        """Bring a file for a reply."""
        return int(self.do("POST", "/attachments", files={"file": (filename, content)})["id"])

    def heard(self) -> list[str]:
        """Return all that was said on the newest ticket, as the agent reads it."""
        return [one["body"] for one in self.do("GET", "TICKET/messages")["items"]]

    def work(self) -> None:
        """Let the workers do what is to be done."""
        with self.app.app_context():
            for _ in range(3):
                for entry_id in db.session().scalars(WAITING).all():
                    carry_out(entry_id)
                db.session.remove()


@contextmanager
def running(base: Settings, template: Path, folder: Path, redis_url: str) -> Iterator[Desk]:
    """Yield a desk with a widget, and a shop on whose pages it stands."""
    path = folder / "comptoir.sqlite3"
    shutil.copyfile(template, path)
    port = ports.free_port()
    settings = replace(
        base,
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        local_url=f"http://127.0.0.1:{port}",
        data_dir=folder,
        database_url=f"sqlite:///{path}",
        storage_url=f"file://{folder / 'files'}",
        redis_url=redis_url,
        web_threads=100,
    )
    desk = Desk(settings)
    with desk.app.app_context():
        agent = make.agent(name="Agnès", presence=Presence.ONLINE)
        make.inbox(
            Channel.CHAT,
            address=KEY,
            queue=make.queue("Shop", members=[agent]),
            name="Maison Lune",
            secret=encrypt(SITE_SECRET, SECRET_KEY),
        )
        make.inbox(Channel.EMAIL)
        with transaction("test") as session:
            _, desk.token = agents.create_token(session.get_one(Agent, agent.id), name="test", at=utc_now())
        db.session.remove()
    with _shop(folder / "shop", desk.url) as desk.shop:
        desk.widget()
        desk.start()
        yield desk
        desk.stop()


@contextmanager
def _shop(folder: Path, desk: str) -> Iterator[str]:
    """Serve a shop's pages, with a strict policy, on an origin of its own."""
    folder.mkdir()
    for name, language in {"index": "en", "other": "en", "french": "fr"}.items():
        page = SHOP.format(desk=desk, key=KEY, language=language, policy=POLICY.format(desk=desk))
        (folder / f"{name}.html").write_text(page, "utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", ports.free_port()), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
