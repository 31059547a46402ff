"""The index of words: what tickets, customers and messages say, to be searched."""

import unicodedata
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BATCH = 200  # tickets at a time
LONGEST_MESSAGE = 100_000
LONGEST_WORD = 64
MOST_BYTES = 400_000
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# Letters of scripts that put no blanks between words: from, to.
UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x312F), (0x31F0, 0x31FF)),
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
)

POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    """CREATE TABLE search_entry (
        ticket_id BIGINT CONSTRAINT pk_search_entry PRIMARY KEY
            CONSTRAINT fk_search_entry_ticket_id_ticket REFERENCES ticket (id) ON DELETE CASCADE,
        words tsvector NOT NULL,
        size INTEGER NOT NULL
    )""",
)
# What was written last waits in a list that every search reads through: a short one.
POSTGRESQL_INDEXES = (
    "CREATE INDEX search_entry_words ON search_entry USING gin (words) WITH (gin_pending_list_limit = 512)",
    "CREATE INDEX search_handle_address ON handle USING gin (address gin_trgm_ops)",
)
SQLITE = (
    "CREATE VIRTUAL TABLE search_entry USING fts5 (subject, customer, said, tokenize = 'ascii', prefix = '2 3')",
    """CREATE VIRTUAL TABLE search_handle USING fts5 (
        address, content = 'handle', content_rowid = 'id', tokenize = 'trigram')""",
    """CREATE TRIGGER search_handle_added AFTER INSERT ON handle BEGIN
        INSERT INTO search_handle (rowid, address) VALUES (new.id, new.address);
    END""",
    """CREATE TRIGGER search_handle_removed AFTER DELETE ON handle BEGIN
        INSERT INTO search_handle (search_handle, rowid, address) VALUES ('delete', old.id, old.address);
    END""",
    """CREATE TRIGGER search_handle_changed AFTER UPDATE OF address ON handle BEGIN
        INSERT INTO search_handle (search_handle, rowid, address) VALUES ('delete', old.id, old.address);
        INSERT INTO search_handle (rowid, address) VALUES (new.id, new.address);
    END""",
    "INSERT INTO search_handle (search_handle) VALUES ('rebuild')",
)
SQLITE_REMOVALS = (
    "DROP TRIGGER search_handle_added",
    "DROP TRIGGER search_handle_removed",
    "DROP TRIGGER search_handle_changed",
    "DROP TABLE search_handle",
    "DROP TABLE search_entry",
)

ADD_ON_POSTGRESQL = sa.text("""
    INSERT INTO search_entry (ticket_id, words, size)
    SELECT :ticket, coalesce(setweight(to_tsvector('simple', translate(
        (SELECT string_agg(address, ' ') FROM handle WHERE customer_id = :customer AND kind <> 'visitor'),
        :punctuation, :blanks)), 'B'), '') || CAST(:words AS tsvector), :size
""")
ADD_ON_SQLITE = sa.text("""
    INSERT INTO search_entry (rowid, subject, customer, said)
    SELECT :ticket, :subject, :name || ' ¶ ' || coalesce(
        (SELECT group_concat(address, ' ') FROM handle WHERE customer_id = :customer AND kind <> 'visitor'), ''), :said
""")


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if on_sqlite else POSTGRESQL:
        op.execute(sa.text(statement.replace(":", r"\:")))
    _fill(op.get_bind(), on_sqlite=on_sqlite)
    for statement in () if on_sqlite else POSTGRESQL_INDEXES:
        op.execute(sa.text(statement))


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE_REMOVALS:
            op.execute(statement)
    else:
        op.execute("DROP INDEX search_handle_address")
        op.execute("DROP TABLE search_entry")  # the extension stays: others may use it


def _fill(connection: sa.Connection, *, on_sqlite: bool) -> None:
    last = 0
    while tickets := _tickets_after(connection, last):
        first, last = tickets[0].id, tickets[-1].id
        said = _said(connection, first, last)
        add = _sqlite_row if on_sqlite else _postgresql_row
        rows = [add(one, said.get(one.id, [])) for one in tickets]
        connection.execute(ADD_ON_SQLITE if on_sqlite else ADD_ON_POSTGRESQL, rows)


def _tickets_after(connection: sa.Connection, last: int) -> Any:
    query = sa.text("""
        SELECT ticket.id, ticket.subject, ticket.customer_id, customer.name
        FROM ticket JOIN customer ON customer.id = ticket.customer_id
        WHERE ticket.id > :last ORDER BY ticket.id LIMIT :batch
    """)
    return connection.execute(query, {"last": last, "batch": BATCH}).all()


def _said(connection: sa.Connection, first: int, last: int) -> dict[int, list[str]]:
    messages = """SELECT ticket_id, substr(body, 1, :longest) FROM message
        WHERE ticket_id BETWEEN :first AND :last ORDER BY ticket_id, id"""
    files = """SELECT message.ticket_id, attachment.filename
        FROM attachment JOIN message ON message.id = attachment.message_id
        WHERE message.ticket_id BETWEEN :first AND :last AND :longest > 0 ORDER BY attachment.id"""
    found: dict[int, list[str]] = {}
    for query in (messages, files):
        rows = connection.execute(sa.text(query), {"first": first, "last": last, "longest": LONGEST_MESSAGE})
        for ticket_id, words in rows:
            found.setdefault(ticket_id, []).append(words)
    return found


def _sqlite_row(ticket: Any, said: list[str]) -> dict[str, Any]:
    return {
        "ticket": ticket.id,
        "subject": " ".join(_words(ticket.subject)),
        "customer": ticket.customer_id,
        "name": " ".join(_words(ticket.name)),
        "said": "".join(" ¶ " + " ".join(_words(one)) for one in said)[: MOST_BYTES // 2],
    }


def _postgresql_row(ticket: Any, said: list[str]) -> dict[str, Any]:
    words = _vector([(ticket.subject, "A"), (ticket.name, "B"), *((one, "") for one in said)])
    return {
        "ticket": ticket.id,
        "customer": ticket.customer_id,
        "words": words,
        "size": len(words.encode()),
        "punctuation": PUNCTUATION,
        "blanks": " " * len(PUNCTUATION),
    }


def _vector(parts: list[tuple[str, str]]) -> str:
    places: dict[str, list[str]] = {}
    position = size = 0
    for said, weight in parts:
        position += 1
        for word in _words(said):
            position += 1
            found = places.setdefault(word, [])
            size += 8 if found else len(word.encode()) + 12
            if size > MOST_BYTES:
                break
            if len(found) < 255:
                found.append(f"{min(position, 16_383)}{weight}")
    return " ".join(f"'{word}':{','.join(found)}" for word, found in places.items() if found)


def _words(text: str) -> Iterable[str]:
    """Cut and fold as the program did when this script was written (`ticketing.search.words`)."""
    word = run = ""
    for char in text.translate(LETTERS) + " ":
        if any(first <= ord(char) <= last for first, last in UNSPACED if char > "\u0dff"):
            run += char
            if word:
                yield word[:LONGEST_WORD]
            word = ""
            continue
        yield from (run[start : start + 2] for start in range(len(run)))
        run = ""
        if char != " ":
            word += char
            continue
        if word:
            yield word[:LONGEST_WORD]
        word = ""


class _Letters(dict[int, str]):
    def __missing__(self, code: int) -> str:
        found = self[code] = self._compared(chr(code))
        return found

    @staticmethod
    def _compared(char: str) -> str:
        if unicodedata.category(char) == "Cf" or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
            return ""
        bare = "".join(one for one in unicodedata.normalize("NFKD", char) if not unicodedata.combining(one)).casefold()
        return "".join(one if unicodedata.category(one)[0] in "LNM" else " " for one in bare)


LETTERS = _Letters()
