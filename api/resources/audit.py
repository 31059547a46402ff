"""What happened to people, rights and settings, for those who have to account for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.views import MethodView

from api.blueprint import Blueprint
from api.pagination import Listed, id_after, page_by_id
from api.schemas.access import AuditPageSchema, AuditQuery
from ticketing.audit import Asked, entries
from ticketing.events import Actor
from ticketing.models import AuditEntry, Role

blueprint = Blueprint("audit", description="What happened to people, rights and settings")


@dataclass(frozen=True)
class Subject:
    """Whom or what something was done to."""

    type: str
    id: int | None


@dataclass(frozen=True)
class Shown:
    """An entry as it is answered."""

    id: int
    kind: str
    actor: Actor
    subject: Subject
    data: dict[str, Any]
    address: str
    at: datetime


@blueprint.route("/audit")
class Audit(MethodView):
    @blueprint.needs("audit:read", role=Role.ADMIN)
    @blueprint.asks(AuditQuery)
    @blueprint.answers(200, AuditPageSchema, description="A page of the audit, newest first")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List what happened to people, rights and settings."""
        limit, before = asked.pop("limit"), id_after(asked.pop("after"))
        return page_by_id([_shown(row) for row in entries(Asked(**asked), before=before, limit=limit)], limit)


def _shown(row: AuditEntry) -> Shown:
    subject = Subject(row.subject_type, row.subject_id)
    return Shown(row.id, row.kind, Actor(row.actor_type, row.actor_id), subject, row.data, row.address, row.at)
