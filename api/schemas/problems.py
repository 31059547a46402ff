"""The one shape of all errors, for the OpenAPI document; `api.errors` makes them."""

from marshmallow import Schema, fields

from api.serialisation import Answer


class ProblemSchema(Schema):
    """What went wrong (RFC 9457)."""

    type = fields.String(required=True, metadata={"example": "urn:comptoir:problem:already_assigned"})
    title = fields.String(required=True, metadata={"example": "Already assigned"})
    status = fields.Integer(required=True, metadata={"example": 409})
    code = fields.String(
        required=True, metadata={"description": "Stable, for programs.", "example": "already_assigned"}
    )
    detail = fields.String(required=True, metadata={"description": "A sentence for people."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "What is wrong by field, where fields are to blame."},
    )
    request_id = fields.String(required=True, metadata={"description": "Also in the logs and in `X-Request-ID`."})


class PartProblemSchema(Answer):
    """Why one of several things could not be done; the others were."""

    code = fields.String(required=True, metadata={"example": "invalid_transition"})
    detail = fields.String(required=True)
