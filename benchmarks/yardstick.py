"""The raw yardstick: a bare Flask app that answers the same by hand-written SQL, without SQLAlchemy or any of our code.

It knows no tokens, permissions, signatures, policies, working hours, duplicates, request ids or logs. So it is what
this stack could do at most, and a ratio to it is what all of those cost together.
"""

import contextlib
import functools
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import orjson
import psycopg
from flask import Flask, Response, request

CLAIMED_BY = 1  # the agent to whom /next gives tickets: the first one there is
ALLOWANCE = timedelta(hours=4)


class Store:
    """Connections to either database, kept for reuse; SQL is written with `?`."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self.statements = 0  # run so far
        self._url = url
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        self._turn = threading.Lock() if self.is_sqlite else contextlib.nullcontext()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Any]:
        """Yield a connection, each statement for itself."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.put(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Any]:
        """Yield a connection in one transaction."""
        with self._turn, self.reading() as connection:
            if not self.is_sqlite:
                with connection.transaction():
                    yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def run(self, connection: Any, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run one statement and return its cursor."""
        self.statements += 1
        return connection.execute(sql if self.is_sqlite else _for_psycopg(sql), values)

    def moment(self, at: datetime) -> Any:
        """Return a moment as the database keeps it."""
        return at.strftime("%Y-%m-%d %H:%M:%S.%f") if self.is_sqlite else at

    def read_moment(self, column: str) -> str:
        """Return the SQL that reads a moment so that orjson writes it as RFC 3339."""
        return f"replace({column}, ' ', 'T') || 'Z'" if self.is_sqlite else column

    def _connect(self) -> Any:
        if not self.is_sqlite:
            return psycopg.connect(self._url.replace("+psycopg", ""), autocommit=True, options="-c timezone=UTC")
        path = self._url.removeprefix("sqlite:///")
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        # As ticketing.store sets it up: a commit is on the disk here as there.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -16000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection


@functools.cache
def _for_psycopg(sql: str) -> str:
    return sql.replace("?", "%s")


def create_yardstick(url: str) -> Flask:
    """Return the raw app over a store that `comptoir init` has filled."""
    app = Flask("yardstick")
    store = Store(url)
    app.extensions["store"] = store
    _add_intake(app, store)
    _add_inbox(app, store)
    return app


def _add_intake(app: Flask, store: Store) -> None:
    @app.post("/tickets")
    def create() -> Response:
        given = orjson.loads(request.get_data())
        who = given["customer"]
        with store.writing() as connection:
            ticket = _open(store, connection, "api", "email", who["email"], who["name"], given["subject"])
            _first_message(store, connection, ticket, "api", given["body"], None)
        return _json(ticket["shown"], 201)

    @app.post("/sms")
    def text() -> Response:
        form = request.form
        with store.writing() as connection:
            ticket = _open(store, connection, "sms", "phone", form["From"], "", form["Body"][:80])
            message = _first_message(store, connection, ticket, "sms", form["Body"], form["MessageSid"])
            _keep(store, connection, "sms", form["To"], form["MessageSid"], json.dumps(form).encode(), message)
        return Response('<?xml version="1.0" encoding="UTF-8"?><Response/>', mimetype="text/xml")

    @app.post("/mail")
    def mail() -> Response:
        raw = request.get_data()
        letter = message_from_bytes(raw)
        name, _, address = letter["From"].rstrip(">").partition(" <")
        body = letter.get_payload(decode=True).decode()
        with store.writing() as connection:
            ticket = _open(store, connection, "email", "email", address, name, letter["Subject"])
            message = _first_message(store, connection, ticket, "email", body, letter["Message-ID"])
            item = _keep(store, connection, "email", letter["To"], letter["Message-ID"], raw, message)
        return _json({"item": item, "state": "processed", "duplicate": False, "ticket": ticket["id"]})


def _open(
    store: Store, connection: Any, channel: str, kind: str, address: str, name: str, subject: str
) -> dict[str, Any]:
    """Write customer, handle, ticket and clock; return what the answer shows, and what the other rows need."""
    now = datetime.now(UTC)
    due = now + ALLOWANCE
    at, due_at = store.moment(now), store.moment(due)
    run = functools.partial(store.run, connection)
    known = run("SELECT customer_id FROM handle WHERE kind = ? AND address = ?", (kind, address)).fetchone()
    customer = (
        known
        or run(
            "INSERT INTO customer (name, language, time_zone, preferred_channels, fields, created_at)"
            " VALUES (?, '', '', '[]', '{}', ?) RETURNING id",
            (name, at),
        ).fetchone()
    )[0]
    if not known:
        run(
            "INSERT INTO handle (customer_id, kind, address, shown, created_at) VALUES (?, ?, ?, ?, ?)",
            (customer, kind, address, address, at),
        )
    ticket = run(
        "INSERT INTO ticket (subject, status, priority, channel, queue_id, customer_id, fields, live, waiting_since,"
        " created_at, updated_at, version, due_at, warn_at, sla_breached, sla_tracked)"
        " VALUES (?, 'new', 'normal', ?, 1, ?, '{}', false, ?, ?, ?, 1, ?, ?, false, true) RETURNING id",
        (subject, channel, customer, at, at, at, due_at, due_at),
    ).fetchone()[0]
    run(
        "INSERT INTO clock (ticket_id, metric, sequence, policy_id, calendar_id, allowance_seconds, started_at, due_at)"
        " VALUES (?, 'first_response', 1, 1, 1, 14400, ?, ?)",
        (ticket, at, due_at),
    )
    shown = {
        "id": ticket,
        "subject": subject,
        "status": "new",
        "priority": "normal",
        "channel": channel,
        "queue": {"id": 1, "name": "Support"},
        "assignee": None,
        "customer": {"id": customer, "name": name},
        "tags": [],
        "skills": [],
        "follows": None,
        "suggested": None,
        "fields": {},
        "created_at": now,
        "updated_at": now,
        "waiting_since": now,
        "due_at": due,
        "sla": "ok",
        "snoozed_until": None,
        "solved_at": None,
        "closed_at": None,
        "merged_into": None,
        "version": 1,
    }
    return {"id": ticket, "customer": customer, "at": at, "shown": shown, "subject": subject, "name": name}


def _first_message(
    store: Store, connection: Any, ticket: dict[str, Any], channel: str, body: str, provider_id: str | None
) -> int:
    """Write the message and both lines of the journal; return the message's id."""
    at, customer = ticket["at"], ticket["customer"]
    message: int = store.run(
        connection,
        "INSERT INTO message (ticket_id, kind, channel, author_customer_id, body, html, quoted, automatic, state,"
        " provider_id, data, attempts, created_at)"
        " VALUES (?, 'inbound', ?, ?, ?, '', '', false, 'received', ?, '{}', 0, ?) RETURNING id",
        (ticket["id"], channel, customer, body, provider_id, at),
    ).fetchone()[0]
    store.run(connection, _index(store), (ticket["id"], ticket["subject"], ticket["name"], body))
    opened = json.dumps({"channel": channel, "queue_id": 1, "priority": "normal", "customer_id": customer})
    received = json.dumps({"message_id": message, "channel": channel, "automatic": False})
    line = "(?, ?, 'customer', ?, ?, ?, ?, ?, 0)"
    store.run(
        connection,
        "INSERT INTO journal (ticket_id, kind, actor_type, actor_id, source, data, at, dispatched_at, attempts)"
        f" VALUES {line}, {line}",
        [
            *(ticket["id"], "ticket_opened", customer, channel, opened, at, at),
            *(ticket["id"], "message_received", customer, channel, received, at, at),
        ],
    )
    return message


def _keep(store: Store, connection: Any, channel: str, ours: str, key: str, raw: bytes, message: int) -> int:
    """Write the raw item; return its id."""
    at = store.moment(datetime.now(UTC))
    item: int = store.run(
        connection,
        "INSERT INTO inbound_item (channel, kind, inbox_address, key, body, content_type, url, headers, meta, state,"
        " message_id, received_at, processed_at)"
        " VALUES (?, 'message', ?, ?, ?, '', '', '{}', '{}', 'processed', ?, ?, ?) RETURNING id",
        (channel, ours, key, raw, message, at, at),
    ).fetchone()[0]
    return item


def _add_inbox(app: Flask, store: Store) -> None:
    tickets = _select_tickets(store)
    messages = _select_messages(store)

    @app.get("/tickets")
    def page() -> Response:
        limit = int(request.args["limit"])
        agent = request.args.get("agent")
        where = f" WHERE {TEAMS}" if agent else ""
        values = (*((agent, agent) if agent else ()), limit + 1)
        with store.reading() as connection:
            found = store.run(connection, f"{tickets}{where} ORDER BY t.due_order, t.id LIMIT ?", values).fetchall()
        return _json({"items": [_ticket(row) for row in found[:limit]], "next": None})

    @app.get("/search")
    def search() -> Response:
        with store.reading() as connection:
            found = store.run(connection, _search(store), (request.args["q"], int(request.args["limit"]))).fetchall()
        names = ("id", "rank", "subject", "status", "channel", "customer")
        return _json({"items": [dict(zip(names, row, strict=True)) for row in found], "next": None})

    @app.get("/tickets/<int:ticket_id>")
    def one(ticket_id: int) -> Response:
        with store.reading() as connection:
            return _json(_ticket(store.run(connection, f"{tickets} WHERE t.id = ?", (ticket_id,)).fetchone()))

    @app.get("/tickets/<int:ticket_id>/messages")
    def conversation(ticket_id: int) -> Response:
        with store.reading() as connection:
            rows = store.run(connection, messages, (ticket_id,)).fetchall()
            files = store.run(
                connection,
                "SELECT a.message_id, a.id, a.filename, a.content_type, a.size FROM attachment a"
                " JOIN message m ON m.id = a.message_id WHERE m.ticket_id = ? ORDER BY a.id",
                (ticket_id,),
            ).fetchall()
        return _json({"items": [_message(row, files) for row in rows], "next": None})

    @app.post("/queues/<int:queue_id>/next")
    def claim(queue_id: int) -> Response:
        at = store.moment(datetime.now(UTC))
        skip = "" if store.is_sqlite else " FOR UPDATE SKIP LOCKED"
        with store.writing() as connection:
            claimed = store.run(
                connection,
                "UPDATE ticket SET assignee_id = ?, status = 'open', version = version + 1, updated_at = ?"
                " WHERE id = (SELECT id FROM ticket WHERE queue_id = ? AND assignee_id IS NULL"
                " AND status IN ('new', 'open') ORDER BY live DESC, due_order, waiting_order, id"
                f" LIMIT 1{skip}) RETURNING id",
                (CLAIMED_BY, at, queue_id),
            ).fetchall()
            if not claimed:
                return Response(status=204)
            ticket_id = claimed[0][0]
            line = "(?, ?, 'agent', ?, 'api', ?, ?, ?, 0)"
            store.run(
                connection,
                "INSERT INTO journal (ticket_id, kind, actor_type, actor_id, source, data, at, dispatched_at, attempts)"
                f" VALUES {line}, {line}",
                [
                    *(
                        ticket_id,
                        "ticket_assigned",
                        CLAIMED_BY,
                        '{"before": null, "after": 1, "stolen": false}',
                        at,
                        at,
                    ),
                    *(ticket_id, "status_changed", CLAIMED_BY, '{"before": "new", "after": "open"}', at, at),
                ],
            )
            return _json(_ticket(store.run(connection, f"{tickets} WHERE t.id = ?", (ticket_id,)).fetchone()))


# What the agent works: everyone's queues and their own, and what they have been given elsewhere.
TEAMS = (
    "(t.queue_id IN (SELECT q.id FROM queue q WHERE q.access = 'everyone' OR EXISTS (SELECT 1 FROM queue_member m"
    " WHERE m.queue_id = q.id AND m.agent_id = ?)) OR t.assignee_id = ?)"
)


def _index(store: Store) -> str:
    """Return the SQL that makes a new ticket's words findable."""
    if store.is_sqlite:
        return "INSERT INTO search_entry (rowid, subject, customer, said) VALUES (?, lower(?), lower(?), lower(?))"
    return (
        "INSERT INTO search_entry (ticket_id, words, size) SELECT i, setweight(to_tsvector('simple', s), 'A')"
        " || setweight(to_tsvector('simple', n), 'B') || to_tsvector('simple', b), length(b)"
        " FROM (SELECT CAST(? AS bigint), CAST(? AS text), CAST(? AS text), CAST(? AS text)) AS v(i, s, n, b)"
    )


def _search(store: Store) -> str:
    """Return the SQL that finds the newest thousand tickets with a word and ranks them; without excerpts and marks."""
    newest = (
        "SELECT rowid AS ticket_id, -bm25(search_entry, 10.0, 4.0, 1.0) AS rank FROM search_entry"
        " WHERE search_entry MATCH ? ORDER BY rowid DESC LIMIT 1001"
        if store.is_sqlite
        else "SELECT ticket_id, ts_rank(words, q) AS rank FROM search_entry, to_tsquery('simple', ?) AS q"
        " WHERE words @@ q ORDER BY ticket_id DESC LIMIT 1001"
    )
    return (
        f"SELECT t.id, n.rank, t.subject, t.status, t.channel, c.name FROM ({newest}) AS n"
        " JOIN ticket t ON t.id = n.ticket_id JOIN customer c ON c.id = t.customer_id"
        " ORDER BY n.rank DESC, n.ticket_id DESC LIMIT ?"
    )


def _select_tickets(store: Store) -> str:
    moment = store.read_moment
    now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if store.is_sqlite else "now()"

    def names(table: str) -> str:
        ordered = f"SELECT name FROM {table} WHERE ticket_id = t.id ORDER BY name"
        if store.is_sqlite:
            return f"(SELECT json_group_array(name) FROM ({ordered}))"
        return f"array_to_json(ARRAY({ordered}))::text"

    return (
        "SELECT t.id, t.subject, t.status, t.priority, t.channel, q.id, q.name, a.id, a.name, c.id, c.name,"
        f" {names('ticket_tag')}, CAST(t.fields AS text), {moment('t.created_at')}, {moment('t.updated_at')},"
        f" {moment('t.waiting_since')}, {moment('t.due_at')},"
        " CASE WHEN NOT t.sla_tracked THEN 'none'"
        f" WHEN t.sla_breached OR t.due_at <= {now} THEN 'breached'"
        f" WHEN t.warn_at <= {now} THEN 'at_risk' ELSE 'ok' END,"
        f" {moment('t.snoozed_until')}, {moment('t.solved_at')}, {moment('t.closed_at')}, t.merged_into_id, t.version,"
        f" {names('ticket_skill')}, t.follows_id, t.suggested_id"
        " FROM ticket t JOIN queue q ON q.id = t.queue_id JOIN customer c ON c.id = t.customer_id"
        " LEFT JOIN agent a ON a.id = t.assignee_id"
    )


def _ticket(row: Sequence[Any]) -> dict[str, Any]:
    return {
        "id": row[0],
        "subject": row[1],
        "status": row[2],
        "priority": row[3],
        "channel": row[4],
        "queue": {"id": row[5], "name": row[6]},
        "assignee": None if row[7] is None else {"id": row[7], "name": row[8]},
        "customer": {"id": row[9], "name": row[10]},
        "tags": orjson.Fragment(row[11]),
        "fields": orjson.Fragment(row[12]),
        "created_at": row[13],
        "updated_at": row[14],
        "waiting_since": row[15],
        "due_at": row[16],
        "sla": row[17],
        "snoozed_until": row[18],
        "solved_at": row[19],
        "closed_at": row[20],
        "merged_into": row[21],
        "version": row[22],
        "skills": orjson.Fragment(row[23]),
        "follows": row[24],
        "suggested": row[25],
    }


def _select_messages(store: Store) -> str:
    return (
        "SELECT m.id, m.ticket_id, m.kind, m.channel, a.id, a.name, c.id, c.name, m.body, m.html, m.quoted, m.state,"
        f" m.state_reason, m.channel_reason, m.provider_id, {store.read_moment('m.created_at')}"
        " FROM message m LEFT JOIN agent a ON a.id = m.author_agent_id"
        " LEFT JOIN customer c ON c.id = m.author_customer_id"
        " WHERE m.ticket_id = ? ORDER BY m.id LIMIT 51"
    )


def _message(row: Sequence[Any], files: Sequence[Any]) -> dict[str, Any]:
    is_agent = row[4] is not None
    author = {"type": "agent" if is_agent else "customer", "id": row[4] if is_agent else row[6]}
    return {
        "id": row[0],
        "ticket": row[1],
        "kind": row[2],
        "channel": row[3],
        "author": {**author, "name": row[5] if is_agent else row[7]},
        "body": row[8],
        "html": row[9],
        "quoted": row[10],
        "state": row[11],
        "state_reason": row[12],
        "channel_reason": row[13],
        "provider_id": row[14],
        "attachments": [
            {"id": file[1], "filename": file[2], "content_type": file[3], "size": file[4]}
            for file in files
            if file[0] == row[0]
        ],
        "created_at": row[15],
    }


def _json(shown: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(shown, option=orjson.OPT_UTC_Z), status=status, mimetype="application/json")
