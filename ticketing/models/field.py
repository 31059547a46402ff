"""Custom fields as the desk has defined them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ticketing.store import Base


class FieldSubject(StrEnum):
    """What a custom field belongs to."""

    TICKET = "ticket"
    CUSTOMER = "customer"


class FieldKind(StrEnum):
    """What a custom field holds."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"  # true or false
    DATE = "date"  # YYYY-MM-DD
    CHOICE = "choice"  # one of `choices`
    CHOICES = "choices"  # any of `choices`


class FieldDefinition(Base):
    """A custom field: its name in JSON, its label for people, and what it may hold."""

    __tablename__ = "field_definition"
    __table_args__ = (UniqueConstraint("subject", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[FieldSubject]
    name: Mapped[str]
    label: Mapped[str]
    kind: Mapped[FieldKind]
    choices: Mapped[list[str]] = mapped_column(default=list)
    required: Mapped[bool] = mapped_column(default=False)  # to solve a ticket; to save a customer
    position: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
