"""Find tickets by words."""

from collections.abc import Iterable


def reindex(ticket_ids: Iterable[int]) -> None:
    """Read these tickets' words again: after a merge, a split, an erasure, a customer's new name."""
