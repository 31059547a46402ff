"""The index of words on PostgreSQL: one tsvector a ticket.

It is written as a literal, so that PostgreSQL's own ideas of what a word is stay out of it.

Weights: A the subject, B the customer, D what was said.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Double, Select, Text, bindparam, cast, column, func, select, table, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from ticketing.fetching import fetch
from ticketing.models import Handle, Ticket
from ticketing.search.question import Term
from ticketing.search.words import Word, words_of

MOST_BYTES = 400_000  # of one ticket's words; a tsvector holds 1 MB
LAST_POSITION = 16_383  # https://www.postgresql.org/docs/current/textsearch-limits.html
MOST_PLACES = 255  # of one word, same page
WEIGHTS = "{0.05, 0.2, 0.4, 1.0}"  # D, C, B, A

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# The handles are put in by the database: a ticket is opened without having read them.
_ADD = """
    INSERT INTO search_entry (ticket_id, words, size)
    SELECT :ticket, coalesce(setweight(to_tsvector('simple', translate(
        (SELECT string_agg(address, ' ') FROM handle WHERE customer_id = :customer AND kind <> 'visitor'),
        :punctuation, :blanks)), 'B'), '') || CAST(:words AS tsvector), :size
    ON CONFLICT (ticket_id) DO UPDATE SET words = excluded.words, size = excluded.size
"""
_CHANGE = """
    UPDATE search_entry SET
        words = CASE WHEN CAST(:subject AS tsvector) IS NULL THEN words
                     ELSE CAST(:subject AS tsvector) || ts_filter(words, '{b,d}') END
             || CASE WHEN size + :size > :most THEN CAST('' AS tsvector) ELSE CAST(:said AS tsvector) END,
        size = least(size + :size, :most)
    WHERE ticket_id = :ticket
"""
_PLACES: Sequence[Any] = (bindparam("punctuation", PUNCTUATION), bindparam("blanks", " " * len(PUNCTUATION)))
ADD = text(_ADD).bindparams(*_PLACES)
CHANGE = text(_CHANGE).bindparams(bindparam("most", MOST_BYTES))
# For one ticket, as with every message: what returns rows goes past SQLAlchemy's execution (see ticketing.fetching).
_WRITTEN = "RETURNING ticket_id"
ADD_ONE = text(_ADD + _WRITTEN).bindparams(*_PLACES).columns(column("ticket_id"))
CHANGE_ONE = text(_CHANGE + _WRITTEN).bindparams(bindparam("most", MOST_BYTES)).columns(column("ticket_id"))
LOCK = text("SELECT ticket_id FROM search_entry WHERE ticket_id = ANY(:tickets) ORDER BY ticket_id FOR UPDATE")

entries: Any = table("search_entry", column("ticket_id"), column("words"))


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write the words of whole tickets, in one statement; what is there of them is replaced."""
    values = [_whole(row) for row in rows]
    if len(values) == 1:
        fetch(ADD_ONE, values[0])
    else:
        session.connection().execute(ADD, values)


def change(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Replace subjects (None: it stays) and add what was said, in one statement."""
    values = [_changed(row) for row in rows]
    if len(values) == 1:
        fetch(CHANGE_ONE, values[0])
    else:
        session.connection().execute(CHANGE, values)


def drop_deleted(_session: Session, *, first: bool) -> bool:
    """Nothing to do: VACUUM does it, as for all tables."""
    del first
    return False


def lock(session: Session, tickets: Sequence[int]) -> None:
    """Let nobody else add to these tickets' words until the transaction ends."""
    session.execute(LOCK, {"tickets": list(tickets)})


def found(conditions: Sequence[ColumnElement[bool]], most: int) -> Select[Any]:
    """Return the newest tickets with the `words`, as `id` and `rank`; only what is fetched is ranked.

    That they have them is said twice. Of a word that goes on PostgreSQL expects at least every 50th ticket, and would
    look for a rare one among all tickets, from the newest on; of a condition that is said twice it expects far fewer.
    """
    newest = (
        select(entries.c.ticket_id.label("id"), entries.c.words)
        .where(_has("words"), _has("words"))
        .order_by(entries.c.ticket_id.desc())
        .limit(most)
    )
    if conditions:
        newest = newest.join(Ticket, Ticket.id == entries.c.ticket_id).where(*conditions)
    fetched = newest.cte("newest").prefix_with("MATERIALIZED")
    rank = func.ts_rank(text(f"'{WEIGHTS}'"), fetched.c.words, _query("words"))
    return select(fetched.c.id, cast(rank, Double).label("rank"))


def with_words(name: str) -> Select[Any]:
    """Return the ids of the tickets with the words that are bound under this name."""
    return select(entries.c.ticket_id).where(_has(name))


def has_part(name: str) -> ColumnElement[bool]:
    """Return the condition that a handle's address has the part bound as `name`; its trigrams are indexed."""
    return Handle.address.like(bindparam(name, type_=Text), escape="\\")


def part_of(address: str) -> str:
    """Return the value for `has_part`."""
    for special in "\\%_":
        address = address.replace(special, f"\\{special}")
    return f"%{address}%"


def all_of(wanted: Sequence[Term], unwanted: Sequence[Term] = ()) -> str:
    """Return the value that asks for all of these terms, and none of those."""
    return " & ".join([*(_of_term(term) for term in wanted), *(f"!{_of_term(term)}" for term in unwanted)])


def any_of(terms: Sequence[Term]) -> str:
    """Return the value that asks for at least one of these terms."""
    return " | ".join(_of_term(term) for term in terms)


def _has(name: str) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = entries.c.words.op("@@", is_comparison=True)(_query(name))
    return condition


def _query(name: str) -> ColumnElement[Any]:
    return cast(bindparam(name, type_=Text), TSQUERY)


def _of_term(term: Term) -> str:
    return f"({(' <-> ' if term.phrase else ' & ').join(_of_word(word) for word in term.words)})"


def _of_word(word: Word) -> str:
    return f"'{word.text}':*" if word.goes_on else f"'{word.text}'"


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    words = _literal((row["subject"], "A"), (row["name"], "B"), *((said, "") for said in row["said"]))
    return {"ticket": row["ticket"], "customer": row["customer"], "words": words, "size": len(words.encode())}


def _changed(row: dict[str, Any]) -> dict[str, Any]:
    said = _literal(*((said, "") for said in row["said"]))
    subject = None if row["subject"] is None else _literal((row["subject"], "A"))
    return {"ticket": row["ticket"], "subject": subject, "said": said, "size": len(said.encode())}


def _literal(*parts: tuple[str, str]) -> str:
    """Return a tsvector as text. A gap before each part keeps phrases from reaching over its end."""
    places: dict[str, list[str]] = {}
    position = size = 0
    for said, weight in parts:
        position += 1
        for word in words_of(said):
            position += 1
            found = places.setdefault(word, [])
            size += 8 if found else len(word.encode()) + 12
            if size > MOST_BYTES:
                break
            if len(found) < MOST_PLACES:
                found.append(f"{min(position, LAST_POSITION)}{weight}")
    return " ".join(f"'{word}':{','.join(found)}" for word, found in places.items() if found)
