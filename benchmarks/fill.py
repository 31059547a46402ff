"""Fill an empty store with a busy desk's tickets, set by set in SQL: a million take minutes, not hours.

What the tickets say does not matter, how they lie does. Every value follows from the ticket's number, so every run and
both databases hold the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, text

LONG = 200  # the first tickets have conversations of
MESSAGES = 20
EVERYONES = 4  # queues that everyone works: Support, which is there, and
QUEUES = ("Billing", "Returns", "Workshop")
TEAMS = 96  # queues of their members only, which share every tenth ticket
MEMBER = 1  # the demonstration's first agent, a member of the first two
AGENTS = 3  # the demonstration's
TIMES_A_CUSTOMER = 3  # tickets of each
RARE = "zwieback"  # a word of every
RARE_EVERY = 1009  # th ticket


def fill(connection: Connection, tickets: int, *, at: datetime) -> None:
    """Add the tickets, with all that belongs to them; the tables were empty, so ids count from 1."""
    speech = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    values = {"at": at.replace(tzinfo=None).isoformat(" ", "microseconds")}
    with without_indexes(connection):
        for statement in _statements(tickets, speech):
            connection.execute(text(statement), values if ":at" in statement else {})


_SQLITE = {
    "numbers": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {last}) SELECT n FROM s)",
    "later": "strftime('%Y-%m-%d %H:%M:%f000', {moment}, ({seconds}) || ' seconds')",
    "moment": ":at",
    "json": "{value}",
}
_POSTGRESQL = {
    "numbers": "generate_series(1, CAST({last} AS bigint))",
    "later": "{moment} + make_interval(secs => {seconds})",
    "moment": "CAST(:at AS timestamp) AT TIME ZONE 'UTC'",
    "json": "CAST({value} AS jsonb)",
}
# Of twenty tickets; closed and solved ones are the most after a while, but the others cost the lists more.
_STATUS = (
    "CASE WHEN chance % 20 < 8 THEN 'new' WHEN chance % 20 < 13 THEN 'open' WHEN chance % 20 < 16 THEN 'pending'"
    " WHEN chance % 20 < 19 THEN 'solved' ELSE 'closed' END"
)
_QUEUE = f"CASE WHEN n % 10 = 9 AND n > {LONG} THEN {EVERYONES} + 1 + n / 10 % {TEAMS} ELSE 1 + n % {EVERYONES} END"


def _statements(tickets: int, speech: dict[str, str]) -> Iterator[str]:
    def numbers(last: int) -> str:
        return (
            f"{speech['numbers'].format(last=last)} AS numbers(n)"
            if speech is _POSTGRESQL
            else (f"{speech['numbers'].format(last=last)} AS numbers")
        )

    def later(moment: str, seconds: str) -> str:
        return speech["later"].format(moment=moment, seconds=seconds)

    now, empty, none = speech["moment"], speech["json"].format(value="'{}'"), speech["json"].format(value="'[]'")
    names = ", ".join(f"('{name}', 'everyone', 'off', {now})" for name in QUEUES)
    yield f"INSERT INTO queue (name, access, assignment, created_at) VALUES {names}"
    yield (
        "INSERT INTO queue (name, access, assignment, created_at)"
        f" SELECT 'Team ' || n, 'members', 'off', {now} FROM {numbers(TEAMS)}"
    )
    yield (
        "INSERT INTO queue_member (queue_id, agent_id)"
        f" SELECT {EVERYONES} + n, CASE WHEN n <= 2 THEN {MEMBER} ELSE {AGENTS} END FROM {numbers(TEAMS)}"
    )
    yield (
        "INSERT INTO customer (name, name_key, language, time_zone, preferred_channels, fields, notes, created_at)"
        f" SELECT 'Customer ' || n, 'customer ' || n, '', '', {none}, {empty}, '', {now}"
        f" FROM {numbers(tickets // TIMES_A_CUSTOMER + 1)}"
    )
    opened = later(now, "-(60 + chance % 432000)")
    due = later(opened, "86400 + luck % 345600")
    late = later(opened, "84600 + luck % 345600")
    yield (
        "INSERT INTO ticket (subject, status, priority, channel, queue_id, assignee_id, customer_id, fields, live,"
        " waiting_since, solved_at, closed_at, created_at, updated_at, version, due_at, warn_at, sla_breached,"
        " sla_tracked)"
        " SELECT CASE WHEN n % {rare} = 0 THEN 'The {word} leaks' ELSE 'The kettle leaks' END || ', case ' || n,"
        " status, CASE chance % 4 WHEN 0 THEN 'low' WHEN 1 THEN 'normal' WHEN 2 THEN 'high' ELSE 'urgent' END, 'api',"
        " queue_id, CASE WHEN status <> 'new' THEN 1 + n % {agents} END, 1 + n / {times}, {fields}, false,"
        " CASE WHEN waits THEN {opened} END, CASE WHEN status IN ('solved', 'closed') THEN {now} END,"
        " CASE WHEN status = 'closed' THEN {now} END, {opened}, {opened}, 1,"
        " CASE WHEN waits AND n % 10 <> 0 THEN {due} END, CASE WHEN waits AND n % 10 <> 0 THEN {late} END, false,"
        " waits AND n % 10 <> 0"
        " FROM (SELECT n, chance, luck, status, queue_id, status IN ('new', 'open') AS waits"
        " FROM (SELECT n, chance, luck, {status} AS status, {queue} AS queue_id"
        " FROM (SELECT n, n * 7919 % 1000003 AS chance, n * 104729 % 999983 AS luck FROM {numbers})"
        " AS a) AS b) AS c ORDER BY n"
    ).format(
        rare=RARE_EVERY,
        word=RARE,
        agents=AGENTS,
        times=TIMES_A_CUSTOMER,
        fields=speech["json"].format(value="'{\"order\": ' || n || '}'"),
        opened=opened,
        now=now,
        due=due,
        late=late,
        status=_STATUS,
        queue=_QUEUE,
        numbers=numbers(tickets),
    )
    yield "INSERT INTO ticket_tag (ticket_id, name) SELECT id, 'kettle' FROM ticket WHERE id % 3 = 0"
    yield f"INSERT INTO ticket_tag (ticket_id, name) SELECT id, '{RARE}' FROM ticket WHERE id % {RARE_EVERY} = 0"
    yield (
        "INSERT INTO message (ticket_id, kind, channel, author_customer_id, author_agent_id, body, html, quoted,"
        " automatic, state, data, attempts, created_at)"
        " SELECT ticket.id, CASE n % 2 WHEN 0 THEN 'outbound' ELSE 'inbound' END, 'api',"
        " CASE n % 2 WHEN 1 THEN customer_id END, CASE n % 2 WHEN 0 THEN 1 END,"
        " 'It drips on the floor, and that for the ' || n || 'th time. It drips on the floor, all the same. It drips"
        " on the floor of the kitchen, and nobody has come to look at it. Case ' || ticket.id || '.', '', '', false,"
        f" CASE n % 2 WHEN 0 THEN 'sent' ELSE 'received' END, {empty}, 0, {later('created_at', 'n * 60')}"
        f" FROM ticket CROSS JOIN {numbers(MESSAGES)} WHERE n = 1 OR ticket.id <= {LONG} ORDER BY ticket.id, n"
    )
    yield (
        "INSERT INTO clock (ticket_id, metric, sequence, policy_id, calendar_id, allowance_seconds, started_at,"
        " counted_microseconds, running_since, due_at, warn_at, next_at, steps_done, channel, queue_id, priority,"
        " agent_id) SELECT id, 'first_response', 1, 1, 1, 14400, created_at, 0, created_at, due_at, warn_at, warn_at,"
        " 0, channel, queue_id, priority, assignee_id FROM ticket"
        " WHERE sla_tracked ORDER BY id"
    )
    yield (
        "INSERT INTO journal (ticket_id, kind, actor_type, actor_id, source, data, at, dispatched_at, attempts)"
        f" SELECT id, 'ticket_opened', 'customer', customer_id, 'api', {empty}, created_at, created_at, 0"
        " FROM ticket ORDER BY id"
    )
    yield _WORDS_ON_POSTGRESQL if speech is _POSTGRESQL else _WORDS_ON_SQLITE


# As ticketing.search indexes them; these texts have no words that the database would cut in another way.
_WORDS_ON_POSTGRESQL = """
    INSERT INTO search_entry (ticket_id, words, size)
    SELECT ticket.id, setweight(to_tsvector('simple', replace(subject, ',', ' ')), 'A')
        || setweight(to_tsvector('simple', name), 'B') || to_tsvector('simple', said), length(said)
    FROM ticket JOIN customer ON customer.id = ticket.customer_id JOIN (
        SELECT ticket_id, translate(string_agg(body, ' ' ORDER BY id), ',.', '  ') AS said
        FROM message GROUP BY ticket_id) AS words ON ticket_id = ticket.id ORDER BY ticket.id
"""
_WORDS_ON_SQLITE = """
    INSERT INTO search_entry (rowid, subject, customer, said)
    SELECT ticket.id, lower(replace(subject, ',', ' ')), lower(name), lower(said)
    FROM ticket JOIN customer ON customer.id = ticket.customer_id JOIN (
        SELECT ticket_id, group_concat(replace(replace(body, ',', ' '), '.', ' '), ' ') AS said
        FROM message GROUP BY ticket_id) AS words ON ticket_id = ticket.id ORDER BY ticket.id
"""


@contextmanager
def without_indexes(connection: Connection) -> Iterator[None]:
    """Take the indexes off, and put them back: to sort once is faster than to insert in order a million times."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        ).all()
    else:
        # References need no check: they follow from the numbers.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
        found = connection.execute(
            text(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND NOT EXISTS"
                " (SELECT FROM pg_constraint WHERE conindid = format('%I', indexname)::regclass)"
            )
        ).all()
    for name, _ in found:
        connection.exec_driver_sql(f'DROP INDEX "{name}"')
    yield
    for _, definition in found:
        connection.exec_driver_sql(definition.replace("%", "%%"))
