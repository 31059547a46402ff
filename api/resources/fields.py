"""Custom fields: what tickets and customers may hold besides."""

from typing import Any

from flask.views import MethodView

from api.auth import actor
from api.blueprint import Blueprint
from api.pagination import Listed, id_after, page_by_id
from api.schemas.fields import FieldChangeSchema, FieldPageSchema, FieldQuery, FieldSchema, NewFieldSchema
from ticketing import fields
from ticketing.models import FieldDefinition, Role
from ticketing.moment import utc_now
from ticketing.transaction import transaction

blueprint = Blueprint("fields", description="Custom fields of tickets and customers")


@blueprint.route("/fields")
class Fields(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.asks(FieldQuery)
    @blueprint.answers(200, FieldPageSchema, description="A page of custom fields")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List the custom fields that are in use."""
        rows = fields.definitions(asked.get("subject"), after=id_after(asked["after"]), limit=asked["limit"])
        return page_by_id(rows, asked["limit"])

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(NewFieldSchema)
    @blueprint.answers(201, FieldSchema, description="The new field")
    @blueprint.refuses(409)
    def post(self, new: dict[str, Any]) -> FieldDefinition:
        """Define a custom field. From the first one on, other names are refused."""
        with transaction("api"):
            return fields.define(new, by=actor(), at=utc_now())


@blueprint.route("/fields/<id:field_id>")
class OneField(MethodView):
    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(FieldChangeSchema, example={"required": True})
    @blueprint.answers(200, FieldSchema, description="The field as it is now")
    @blueprint.refuses(404)
    def patch(self, wanted: dict[str, Any], field_id: int) -> FieldDefinition:
        """Change a custom field. Values that are there already stay as they are."""
        with transaction("api"):
            return fields.change(field_id, wanted, by=actor(), at=utc_now())

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.answers(204, description="Archived")
    @blueprint.refuses(404)
    def delete(self, field_id: int) -> None:
        """Take a custom field out of use; what is in it stays."""
        with transaction("api"):
            fields.archive(field_id, by=actor(), at=utc_now())
