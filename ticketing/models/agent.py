"""Agents and the tokens by which programs act for them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.store import Base


class Role(StrEnum):
    """What a person at the desk may do, least first."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Agent(Base):
    """A person at the desk."""

    __tablename__ = "agent"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)  # folded
    name: Mapped[str]
    role: Mapped[Role]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class Token(Base):
    """A bearer token. Only its SHA-256 is kept: 256 random bits need no slow hash."""

    __tablename__ = "token"

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]]  # empty: whatever the agent's role permits
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]  # None: does not expire
    revoked_at: Mapped[datetime | None]

    agent: Mapped[Agent] = relationship()
