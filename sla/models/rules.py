"""Calendars and policies: versions, of which a row never changes but for being archived."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, ForeignKey, Index, UniqueConstraint, event, insert, update
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from ticketing.store import Base


class Calendar(Base):
    """One version of when the desk is open."""

    __tablename__ = "calendar"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    origin_id: Mapped[int | None] = mapped_column(ForeignKey("calendar.id"), index=True)  # None: the first version
    name: Mapped[str]
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]  # see sla.definition
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]  # None: the version in force

    @property
    def origin(self) -> int:
        """What all versions have in common: the id of the first, by which the API names the calendar."""
        return self.origin_id or self.id


class CalendarFeed(Base):
    """An iCalendar address from which a calendar's closed days come; read again every day."""

    __tablename__ = "calendar_feed"
    __table_args__ = (UniqueConstraint("calendar_id", "url"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    calendar_id: Mapped[int] = mapped_column(ForeignKey("calendar.id"))  # the first version's
    url: Mapped[str]
    etag: Mapped[str] = mapped_column(default="")
    read_at: Mapped[datetime | None]  # None: not yet
    error: Mapped[str] = mapped_column(default="")  # what went wrong the last time; "": nothing
    next_at: Mapped[datetime]  # when it is read again
    created_at: Mapped[datetime]


class Policy(Base):
    """One version of what is promised to whom. The first in order of position whose conditions match is a ticket's."""

    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    origin_id: Mapped[int | None] = mapped_column(ForeignKey("policy.id"), index=True)  # None: the first version
    name: Mapped[str]
    version: Mapped[int]
    position: Mapped[int]
    conditions: Mapped[dict[str, Any]]  # see sla.policy
    targets: Mapped[dict[str, Any]]  # see sla.agreement
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict)  # on_reopen, automatic_answers_count: see sla.policy
    shadow: Mapped[bool] = mapped_column(default=False)  # only watched: no ticket stands under it, nothing follows
    calendar_id: Mapped[int] = mapped_column(ForeignKey("calendar.id"))
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]  # None: in force

    calendar: Mapped[Calendar] = relationship()

    @property
    def origin(self) -> int:
        """What all versions have in common: the id of the first, by which the API names the policy."""
        return self.origin_id or self.id


class RulesStamp(Base):
    """One row that changes whenever a policy or a calendar does: each process knows when to read them again."""

    __tablename__ = "sla_rules_stamp"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[str]


SEEN = "sla rules"  # what a transaction has read of them, in the session's info


def _touch(_mapper: Any, connection: Connection, target: Any) -> None:
    session = object_session(target)
    if session is not None:
        session.info.pop(SEEN, None)
    value = secrets.token_hex(8)
    if not connection.execute(update(RulesStamp).where(RulesStamp.id == 1).values(value=value)).rowcount:
        connection.execute(insert(RulesStamp).values(id=1, value=value))


for _model in (Calendar, Policy):
    for _change in ("after_insert", "after_update", "after_delete"):
        event.listen(_model, _change, _touch)


Index("ix_calendar_feed_next", CalendarFeed.next_at)
