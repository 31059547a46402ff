"""SLA policies, and how their edits reach open tickets, as JSON."""

from typing import Any

from marshmallow import fields

from api.pagination import PageQuery
from api.schemas.asked import Asked, Flag, Id
from api.serialisation import Answer, Moment
from sla.agreement import OnReopen
from sla.models import JobState
from sla.policies import AppliesTo

CONDITIONS = {
    "type": "object",
    "description": "Each lists the values that a ticket may have; what is not named does not matter: `channel`, "
    "`queue` (ids), `priority`, `language`, `tag`, and by name `field` and `customer_field`.",
    "example": {"channel": ["email"], "customer_field": {"tier": ["gold"]}},
}
TARGETS = {
    "type": "object",
    "description": "By metric: `allowance_seconds` of the calendar's working time, and if you like "
    "`warn_seconds_before`, `wall_clock`, `pause_on` and `steps`. See docs/policies.md.",
    "example": {
        "first_response": {"allowance_seconds": 14_400, "warn_seconds_before": 1800},
        "resolution": {
            "allowance_seconds": 129_600,
            "pause_on": ["pending"],
            "steps": [{"offset_seconds": 0, "actions": [{"kind": "notify", "to": ["assignee", "supervisors"]}]}],
        },
    },
}
POSITION = {"description": "The lowest is asked first; of equals, the one that was made first.", "example": 30}
CALENDAR = {"description": "The id of a calendar in force.", "example": 1}
ON_REOPEN = {"description": "What becomes of the time to resolution when a solved ticket is opened again."}
AUTOMATIC = {"description": "Whether answers that a machine wrote count as answers."}
SHADOW = {"description": "Only watched: no ticket stands under it."}


class Whole(fields.Integer):
    """A whole number, and nothing that Python takes for one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class NewPolicySchema(Asked):
    """A policy in full. What its words may be is checked by `sla.policy`."""

    name = fields.String(required=True, metadata={"example": "Gold by mail"})
    position = Whole(strict=True, required=True, metadata=POSITION)
    calendar = Id(required=True, metadata=CALENDAR)
    conditions = fields.Dict(keys=fields.String(), load_default=dict, metadata=CONDITIONS)
    targets = fields.Dict(keys=fields.String(), required=True, metadata=TARGETS)
    on_reopen = fields.Enum(OnReopen, by_value=True, load_default=OnReopen.CONTINUE, metadata=ON_REOPEN)
    automatic_answers_count = Flag(load_default=False, metadata=AUTOMATIC)
    shadow = Flag(load_default=False, metadata=SHADOW)
    applies_to = fields.Enum(
        AppliesTo,
        by_value=True,
        load_default=AppliesTo.NEW,
        metadata={"description": "`open`: also tickets that are open now, see `/sla/rearmings`."},
    )


class ArchivingQuery(Asked):
    """For which tickets a policy ends."""

    applies_to = fields.Enum(
        AppliesTo,
        by_value=True,
        load_default=AppliesTo.NEW,
        metadata={"description": "`open`: open tickets fall under the next policy that is for them, or none."},
    )


class PoliciesQuery(PageQuery):
    """Which policies."""

    archived = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "Those that are archived, as they were in the end; else those in force."},
    )


class PolicySchema(Answer):
    """One version of a policy."""

    id = fields.Integer(required=True, metadata={"description": "Of all its versions.", "example": 3})
    version = fields.Integer(required=True)
    name = fields.String(required=True, metadata={"example": "Gold by mail"})
    position = fields.Integer(required=True, metadata=POSITION)
    calendar = fields.Integer(required=True, metadata={**CALENDAR, "description": "The calendar's id."})
    calendar_version = fields.Integer(required=True)
    conditions = fields.Dict(keys=fields.String(), required=True, metadata=CONDITIONS)
    targets = fields.Dict(keys=fields.String(), required=True, metadata=TARGETS)
    on_reopen = fields.Enum(OnReopen, by_value=True, required=True, metadata=ON_REOPEN)
    automatic_answers_count = fields.Boolean(required=True, metadata=AUTOMATIC)
    shadow = fields.Boolean(required=True, metadata=SHADOW)
    created_at = Moment(required=True, metadata={"description": "Since when this version is in force."})
    archived_at = Moment(
        required=True, allow_none=True, metadata={"description": "Until when it was; null: it is in force."}
    )


class ChangedPolicySchema(PolicySchema):
    """A policy after a change."""

    rearming = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The work that carries the change over to open tickets; null: it is for new ones."},
    )


class PolicyPageSchema(Answer):
    """A page of policies."""

    items = fields.Nested(PolicySchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class RearmingSchema(Answer):
    """How far a change of the rules has come with the tickets that were open."""

    id = fields.Integer(required=True, metadata={"example": 1})
    policies = fields.List(fields.Integer(), required=True, metadata={"description": "Those that were changed."})
    asked_by = fields.Integer(
        attribute="asked_by_id", required=True, allow_none=True, metadata={"description": "An agent's id."}
    )
    state = fields.Enum(JobState, by_value=True, required=True)
    total = fields.Integer(required=True, metadata={"description": "Tickets that were open when it began."})
    done = fields.Integer(required=True, metadata={"description": "Tickets looked at so far."})
    changed = fields.Integer(required=True, metadata={"description": "Of those, tickets that go on under other rules."})
    created_at = Moment(required=True)
    updated_at = Moment(required=True)
    finished_at = Moment(required=True, allow_none=True)


class RearmingPageSchema(Answer):
    """A page of them, newest first."""

    items = fields.Nested(RearmingSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
