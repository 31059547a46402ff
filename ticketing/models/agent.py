"""Agents and the tokens by which programs act for them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ticketing.store import Base


class Role(StrEnum):
    """What a person at the desk may do, least first."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Presence(StrEnum):
    """Whether an agent takes work that comes by itself. Whoever asks for work gets it, whatever stands here."""

    ONLINE = "online"
    AWAY = "away"  # for a moment: keeps what they have
    OFFLINE = "offline"  # has left for today


class Agent(Base):
    """A person at the desk."""

    __tablename__ = "agent"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)  # folded
    name: Mapped[str]
    role: Mapped[Role]
    is_active: Mapped[bool] = mapped_column(default=True)
    skills: Mapped[list[str]] = mapped_column(default=list)
    capacity: Mapped[dict[str, Any]] = mapped_column(default=dict)  # channel -> tickets in hand at most; else no limit
    presence: Mapped[Presence] = mapped_column(default=Presence.OFFLINE)
    presence_reason: Mapped[str] = mapped_column(default="")  # lunch, training, …
    presence_since: Mapped[datetime | None]
    assigned_at: Mapped[datetime | None]  # when work last came by itself: round robin goes by it
    device_kind: Mapped[str] = mapped_column(default="")  # what rings: browser, number, sip; "" nothing
    device_address: Mapped[str] = mapped_column(default="")  # E.164, or a SIP address; "" for a browser
    on_call_since: Mapped[datetime | None]  # their device rings, or they speak: no other call for them
    wrap_up_until: Mapped[datetime | None]  # after a call: writes down what was said, and takes no other one yet
    drain_due_at: Mapped[datetime | None]  # could take more than before, and nobody has looked for it yet
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


class Credential(Base):
    """How a person proves who they are at the login. Without a row: by tokens and by the identity provider only."""

    __tablename__ = "credential"

    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    password_hash: Mapped[str | None]  # argon2id
    totp_secret: Mapped[str | None]  # encrypted, see ticketing.secrets
    totp_confirmed_at: Mapped[datetime | None]  # None: not in force yet
    totp_last_step: Mapped[int | None]  # a code serves once (RFC 6238, 5.2)
    recovery_digests: Mapped[list[str]] = mapped_column(default=list)  # each serves once
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    locked_until: Mapped[datetime | None]
    changed_at: Mapped[datetime]

    agent: Mapped[Agent] = relationship()


class Identity(Base):
    """Who an agent is at an identity provider (OpenID Connect)."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    created_at: Mapped[datetime]

    agent: Mapped[Agent] = relationship()


class LoginSession(Base):
    """A person's login in a browser. Only the SHA-256 of the cookie is kept."""

    __tablename__ = "login_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), index=True)
    digest: Mapped[str] = mapped_column(unique=True)
    csrf_digest: Mapped[str]
    method: Mapped[str]  # password, password+totp, password+recovery, oidc
    user_agent: Mapped[str]  # cut
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # to the minute
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    agent: Mapped[Agent] = relationship()


_drains = text("drain_due_at IS NOT NULL")

Index("ix_agent_drain", Agent.drain_due_at, postgresql_where=_drains, sqlite_where=_drains)
