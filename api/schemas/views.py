"""Saved views as JSON."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Range

from api.schemas.asked import Asked, Words
from api.schemas.named import NamedSchema
from api.schemas.problems import PartProblemSchema
from api.schemas.references import QueueName
from api.schemas.tickets import NAME_OR_ID, TicketFilter
from api.serialisation import Answer, Derived, Moment
from ticketing.models import ViewScope
from ticketing.queries import Sort
from ticketing.views import MAX_NAME

EXAMPLE = {"status": ["active"], "assignee": "me"}
SORT = "sort"  # kept with the filter: the order is part of what `GET /tickets` is asked


class TicketFilterField(fields.Field[dict[str, Any]]):
    """The parameters of `GET /tickets` but `sort`, `limit` and `after`, kept as they are given."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValidationError("Must be an object of the parameters of GET /tickets.")
        given = {name: one for name, one in value.items() if one is not None}
        TicketFilter().load(given)
        return given


class DerivedDict(Derived, fields.Dict):
    """An object that a function finds."""


class DerivedString(Derived, fields.String):
    """A word that a function finds."""


class ViewSchema(Answer):
    """A filter and an order of tickets under a name."""

    id = fields.Integer(required=True, metadata={"example": 3})
    name = fields.String(required=True, metadata={"example": "Mine, waiting longest"})
    scope = fields.Enum(ViewScope, by_value=True, required=True)
    queue = fields.Nested(NamedSchema, required=True, allow_none=True)
    owner = fields.Nested(NamedSchema, required=True, metadata={"description": "Who made it."})
    filter = DerivedDict(
        of=lambda view: {name: value for name, value in view.filter.items() if name != SORT},
        keys=fields.String(),
        required=True,
        metadata={"example": EXAMPLE},
    )
    sort = DerivedString(of=lambda view: view.filter.get(SORT, Sort.DUE.value), required=True)
    position = fields.Integer(required=True, metadata={"description": "Where it stands among the others, low first."})
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


class ViewPageSchema(Answer):
    """A page of views."""

    items = fields.Nested(ViewSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)


class ViewChangeSchema(Asked):
    """What to change of a view; what is not named stays."""

    name = Words(MAX_NAME, metadata={"example": "Mine, waiting longest"})
    scope = fields.Enum(
        ViewScope,
        by_value=True,
        metadata={
            "description": "`own`: you; `shared`: everybody; `queue`: whoever works the queue. Those: supervisors."
        },
    )
    queue = QueueName(
        allow_none=True, metadata={**NAME_OR_ID, "description": "The queue of a view of the scope `queue`."}
    )
    filter = TicketFilterField(
        metadata={
            "type": "object",
            "description": "As the query of `GET /tickets`; `me` is whoever looks.",
            "example": EXAMPLE,
        }
    )
    sort = fields.Enum(Sort, by_value=True)
    position = fields.Integer(strict=True, validate=Range(-1_000_000, 1_000_000))


class NewViewSchema(ViewChangeSchema):
    """A view to save."""

    name = Words(MAX_NAME, required=True, metadata={"example": "Mine, waiting longest"})
    scope = fields.Enum(ViewScope, by_value=True, load_default=ViewScope.OWN)
    filter = TicketFilterField(load_default=dict, metadata={"type": "object", "example": EXAMPLE})
    sort = fields.Enum(Sort, by_value=True, load_default=Sort.DUE)
    position = fields.Integer(strict=True, load_default=0, validate=Range(-1_000_000, 1_000_000))


class ViewCountSchema(Answer):
    """How many tickets are in a view, for whoever asks."""

    view = fields.Integer(required=True)
    count = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Counts to 1000; null: it cannot be counted."}
    )
    count_is_capped = fields.Boolean(required=True)
    problem = fields.Nested(
        PartProblemSchema, required=True, allow_none=True, metadata={"description": "Why it cannot be counted."}
    )


class ViewCountsSchema(Answer):
    """How many tickets are in each of your views."""

    items = fields.Nested(ViewCountSchema, many=True, required=True)
    next = fields.String(required=True, allow_none=True)
