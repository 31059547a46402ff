"""Tokens for programs that act in an agent's name."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.pagination import Listed, PageQuery, id_after, page_by_id
from api.schemas.desk import MadeTokenSchema, NewTokenSchema, TokenPageSchema
from ticketing.agents import revoke_token
from ticketing.directory import own_tokens
from ticketing.models import Token
from ticketing.moment import utc_now
from ticketing.tokens import make_token
from ticketing.transaction import transaction

blueprint = Blueprint("tokens", description="Tokens for programs")


@dataclass(frozen=True)
class Made:
    """A new token with its secret."""

    id: int
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    token: str


@blueprint.route("/tokens")
class Tokens(MethodView):
    @blueprint.needs("tokens:write")
    @blueprint.asks(PageQuery)
    @blueprint.answers(200, TokenPageSchema, description="A page of tokens")
    def get(self, asked: dict[str, Any]) -> Listed:
        """List your tokens that are not revoked."""
        rows = own_tokens(caller(), after=id_after(asked["after"]), limit=asked["limit"])
        return page_by_id(rows, asked["limit"])

    @blueprint.needs("tokens:write")
    @blueprint.takes(NewTokenSchema)
    @blueprint.answers(201, MadeTokenSchema, description="The new token; its secret is shown this once")
    def post(self, new: dict[str, Any]) -> Made:
        """Make a token for yourself."""
        seconds = new["expires_in_seconds"]
        lifetime = None if seconds is None else timedelta(seconds=seconds)
        with transaction("api"):
            row, secret = make_token(caller(), name=new["name"], scopes=new["scopes"], lifetime=lifetime, at=utc_now())
        return _made(row, secret)


@blueprint.route("/tokens/<id:token_id>")
class OneToken(MethodView):
    @blueprint.needs("tokens:write")
    @blueprint.answers(204, description="Revoked")
    @blueprint.refuses(404)
    def delete(self, token_id: int) -> None:
        """Revoke a token."""
        with transaction("api"):
            revoke_token(token_id, caller=caller(), at=utc_now())


def _made(row: Token, secret: str) -> Made:
    return Made(row.id, row.name, row.scopes, row.created_at, row.expires_at, secret)
