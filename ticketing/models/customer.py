"""Customers: persons, with as many handles as they have."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.envelope import HandleKind
from ticketing.store import Base


class Customer(Base):
    """One person."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]  # "" until somebody tells us
    language: Mapped[str] = mapped_column(default="")  # IETF tag, "" when unknown
    time_zone: Mapped[str] = mapped_column(default="")  # IANA, "" when unknown
    preferred_channels: Mapped[list[str]] = mapped_column(default=list)  # best first
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]

    handles: Mapped[list["Handle"]] = relationship(back_populates="customer", order_by="Handle.id")


class Handle(Base):
    """A customer's address on a channel. One address belongs to one person."""

    __tablename__ = "handle"
    __table_args__ = (UniqueConstraint("kind", "address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    kind: Mapped[HandleKind]
    address: Mapped[str]  # folded: E.164, or the mail address as ticketing.handles folds it
    shown: Mapped[str]  # as the customer writes it; where we send to
    created_at: Mapped[datetime]

    customer: Mapped[Customer] = relationship(back_populates="handles")
