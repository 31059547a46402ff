"""The index of words on SQLite: FTS5, whose tokenizer `ascii` takes the words as they are cut here.

https://www.sqlite.org/fts5.html
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, Text, bindparam, column, func, literal_column, select, table, text
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from ticketing.models import Handle, Ticket
from ticketing.search.question import Term
from ticketing.search.words import Word, words_of

MOST_LETTERS = 200_000  # of what was said on a ticket
GAP = " ¶ "  # between messages: a word that nobody can ask for, so that phrases do not reach over it
WEIGHTS = (10.0, 4.0, 1.0)  # subject, customer, what was said

ADD = text("""
    INSERT OR REPLACE INTO search_entry (rowid, subject, customer, said)
    SELECT :ticket, :subject, :name || :gap || coalesce(
        (SELECT group_concat(address, ' ') FROM handle WHERE customer_id = :customer AND kind <> 'visitor'), ''), :said
""").bindparams(bindparam("gap", GAP))
CHANGE = text("""
    UPDATE search_entry SET subject = coalesce(:subject, subject), said = substr(said || :said, 1, :most)
    WHERE rowid = :ticket
""").bindparams(bindparam("most", MOST_LETTERS))

# FTS5 only marks what is deleted, and keeps its words until its parts are merged. `-n` sees to it that all of them are.
MERGE = text("INSERT INTO search_entry (search_entry, rank) VALUES ('merge', :pages)")
MERGE_PARTS = text("INSERT INTO search_handle (search_handle, rank) VALUES ('merge', :pages)")
PAGES = 500  # in one transaction: others wait for its end
CHANGES = text("SELECT total_changes()")
NOTHING_DONE = 2  # changes that the two statements count by themselves

entries: Any = table("search_entry", column("rowid"))
parts: Any = table("search_handle", column("rowid"))


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write the words of whole tickets, in one statement; what is there of them is replaced."""
    session.execute(ADD, [{**row, **_words(row), "name": _joined(row["name"])} for row in rows])


def change(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Replace subjects (None: it stays) and add what was said, in one statement."""
    session.execute(CHANGE, [{"ticket": row["ticket"], **_words(row)} for row in rows])


def drop_deleted(session: Session, *, first: bool) -> bool:
    """Do some of the work of taking deleted words out of the index for good; return whether there is more of it."""
    before = session.scalars(CHANGES).one()
    for statement in (MERGE, MERGE_PARTS):
        session.execute(statement, {"pages": -PAGES if first else PAGES})
    return bool(session.scalars(CHANGES).one() - before > NOTHING_DONE)


def lock(_session: Session, _tickets: Sequence[int]) -> None:
    """Nothing to do: who writes has the whole store."""


def found(conditions: Sequence[ColumnElement[bool]], most: int) -> Select[Any]:
    """Return the newest tickets with the `words`, as `id` and `rank`; only what is fetched is ranked."""
    rank = -func.bm25(literal_column("search_entry"), *WEIGHTS)
    return (
        select(entries.c.rowid.label("id"), rank.label("rank"))
        .join(Ticket, Ticket.id == entries.c.rowid)
        .where(_has("words"), *conditions)
        .order_by(entries.c.rowid.desc())
        .limit(most)
    )


def with_words(name: str) -> Select[Any]:
    """Return the ids of the tickets with the words that are bound under this name."""
    return select(entries.c.rowid).where(_has(name))


def has_part(name: str) -> ColumnElement[bool]:
    """Return the condition that a handle's address has the part bound as `name`; its trigrams are indexed."""
    condition = literal_column("search_handle").op("MATCH", is_comparison=True)(bindparam(name, type_=Text))
    return Handle.id.in_(select(parts.c.rowid).where(condition))


def part_of(address: str) -> str:
    """Return the value for `has_part`."""
    return '"' + address.replace('"', '""') + '"'


def all_of(wanted: Sequence[Term], unwanted: Sequence[Term] = ()) -> str:
    """Return the value that asks for all of these terms, and none of those."""
    return " NOT ".join([f"({' AND '.join(map(_of_term, wanted))})", *map(_of_term, unwanted)])


def any_of(terms: Sequence[Term]) -> str:
    """Return the value that asks for at least one of these terms."""
    return " OR ".join(map(_of_term, terms))


def _has(name: str) -> ColumnElement[bool]:
    asked = bindparam(name, type_=Text)
    condition: ColumnElement[bool] = literal_column("search_entry").op("MATCH", is_comparison=True)(asked)
    return condition


def _of_term(term: Term) -> str:
    return f"({(' + ' if term.phrase else ' AND ').join(_of_word(word) for word in term.words)})"


def _of_word(word: Word) -> str:
    return f'"{word.text}" *' if word.goes_on else f'"{word.text}"'


def _words(row: dict[str, Any]) -> dict[str, Any]:
    subject = None if row["subject"] is None else _joined(row["subject"])
    return {"subject": subject, "said": "".join(GAP + _joined(said) for said in row["said"])[:MOST_LETTERS]}


def _joined(said: str) -> str:
    return " ".join(words_of(said))
