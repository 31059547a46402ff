"""What is promised to whom: made, edited by versions, archived."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask.views import MethodView

from api import rearming as job
from api.auth import actor, caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, number_after, place_after, write_cursor
from api.schemas.policies import (
    ArchivingQuery,
    ChangedPolicySchema,
    NewPolicySchema,
    PoliciesQuery,
    PolicyPageSchema,
    PolicySchema,
)
from sla import policies, rearming
from sla.models import Policy
from sla.policies import AppliesTo
from ticketing.models import Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("policies", description="What is promised to whom")


@dataclass(frozen=True)
class Shown:
    """A version as it is shown."""

    id: int
    version: int
    name: str
    position: int
    calendar: int
    calendar_version: int
    conditions: dict[str, Any]
    targets: dict[str, Any]
    on_reopen: str
    automatic_answers_count: bool
    shadow: bool
    created_at: datetime
    archived_at: datetime | None
    rearming: int | None = None


@blueprint.route("/sla/policies")
class Policies(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(PoliciesQuery)
    @blueprint.answers(200, PolicyPageSchema, description="A page of policies, in the order in which they are asked")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the policies."""
        limit = asked["limit"]
        rows = policies.page(archived=asked["archived"], after=place_after(asked["after"]), limit=limit + 1)
        shown = [_shown(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Listed(shown, write_cursor(["place", shown[-1].position, shown[-1].id]) if more else None)

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(NewPolicySchema)
    @blueprint.answers(201, ChangedPolicySchema, description="The new policy")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> Shown:
        """Make a policy."""
        applies_to = new.pop("applies_to")
        with transaction("api"):
            at = utc_now()
            row = policies.make_policy(new, by=actor(), at=at)
            shown = _shown(row, _ask(applies_to, row, at))
        return _woken(shown)


@blueprint.route("/sla/policies/<id:policy_id>")
class OnePolicy(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.answers(200, PolicySchema, description="The policy's newest version")
    @blueprint.refuses(404)
    def get(self, policy_id: int) -> Shown:
        """Read a policy."""
        return _shown(policies.find_policy(policy_id))

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(NewPolicySchema)
    @blueprint.answers(200, ChangedPolicySchema, description="The version that is in force now")
    @blueprint.refuses(404, 409)
    def put(self, wanted: dict[str, Any], policy_id: int) -> Shown:
        """Replace a policy's words by a new version; what is not named is as in a new policy."""
        applies_to = wanted.pop("applies_to")
        with transaction("api"):
            at = utc_now()
            row = policies.revise(policy_id, wanted, by=actor(), at=at)
            shown = _shown(row, _ask(applies_to, row, at))
        return _woken(shown)

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.asks(ArchivingQuery)
    @blueprint.answers(204, description="The policy is archived")
    @blueprint.refuses(404)
    def delete(self, asked: dict[str, Any], policy_id: int) -> None:
        """Archive a policy. Nothing that it has judged changes."""
        with transaction("api"):
            at = utc_now()
            row = policies.archive(policy_id, by=actor(), at=at)
            shown = _shown(row, _ask(asked["applies_to"], row, at))
        _woken(shown)


@blueprint.route("/sla/policies/<id:policy_id>/versions")
class Versions(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, PolicyPageSchema, description="A page of its versions, oldest first")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], policy_id: int) -> Listed:
        """List the versions of a policy."""
        limit = asked["limit"]
        rows = policies.versions(policy_id, after=number_after(asked["after"]), limit=limit + 1)
        shown = [_shown(row) for row in rows[:limit]]
        return Listed(shown, write_cursor(["number", shown[-1].version]) if len(rows) > limit else None)


def _ask(applies_to: AppliesTo, row: Policy, at: datetime) -> int | None:
    return rearming.ask([row.origin], by=actor(), at=at).id if applies_to is AppliesTo.OPEN else None


def _woken(shown: Shown) -> Shown:
    if shown.rearming is not None:
        job.wake(shown.rearming)
    return shown


def _shown(row: Policy, rearming_id: int | None = None) -> Shown:
    words = policies.words_of(row)
    if not caller().is_at_least(Role.SUPERVISOR):
        words["targets"] = _without_secrets(words["targets"])
    return Shown(
        id=row.origin,
        version=row.version,
        calendar_version=row.calendar.version,
        created_at=row.created_at,
        archived_at=row.archived_at,
        rearming=rearming_id,
        **words,
    )


def _without_secrets(value: Any) -> Any:
    """Cut the addresses of webhooks after their host: often whoever knows the rest may post there."""
    if isinstance(value, dict):
        return {name: _cut(one) if name == "url" else _without_secrets(one) for name, one in value.items()}
    return [_without_secrets(one) for one in value] if isinstance(value, list) else value


def _cut(url: str) -> str:
    return f"https://{urlsplit(url).hostname}/…"
