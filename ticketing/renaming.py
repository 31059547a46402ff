"""Have tickets found by another name of their customer: the newest at once, the others by workers."""

from collections.abc import Sequence
from datetime import datetime

from ticketing import journal, search
from ticketing.events import SYSTEM, WordsOutdated

AT_ONCE = 100  # tickets that are read again in the transaction that changes the name
BATCH = 100  # that one job reads again


def index_again(ticket_ids: Sequence[int], *, at: datetime) -> None:
    """Have these tickets' words read again. Until a worker comes by, the older ones are found by the old name."""
    newest = sorted(ticket_ids, reverse=True)
    search.reindex(newest[:AT_ONCE])
    for start in range(AT_ONCE, len(newest), BATCH):
        some = newest[start : start + BATCH]
        journal.note(some[:1], WordsOutdated(some), by=SYSTEM, at=at)
