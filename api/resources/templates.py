"""The texts that the desk sends by itself or by a macro, in several languages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.views import MethodView

from api.auth import actor, caller, calling_agent
from api.blueprint import Blueprint
from api.pagination import Listed
from api.schemas.writing import (
    RenderedSchema,
    TemplateChangeSchema,
    TemplatePageSchema,
    TemplateRenderQuery,
    TemplateSchema,
)
from ticketing.languages import language_tag
from ticketing.models import Role
from ticketing.moment import utc_now
from ticketing.queries import read_ticket
from ticketing.templates import Rendered, render
from ticketing.templates.own import drop_wording, every_wording, put_wording
from ticketing.templates.shipped import Wording
from ticketing.transaction import transaction
from ticketing.wording import values_of

blueprint = Blueprint("templates", description="The desk's texts")

TEMPLATE = "/templates/<string(maxlength=60):name>"
IN_ONE_LANGUAGE = f"{TEMPLATE}/<string(maxlength=40):language>"


@dataclass(frozen=True)
class Shown:
    """A text in one language as it is shown."""

    name: str
    language: str
    subject: str
    body: str
    own: bool
    updated_at: datetime | None


@blueprint.route("/templates")
class Templates(MethodView):
    @blueprint.needs("settings:read")
    @blueprint.answers(200, TemplatePageSchema, description="All templates, a few dozen")
    def get(self) -> Listed:
        """List the desk's texts by name and language, in its own words where it has any."""
        return Listed([_shown(name, language, one) for name, language, one in every_wording()])


@blueprint.route(IN_ONE_LANGUAGE)
class OneTemplate(MethodView):
    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.takes(TemplateChangeSchema)
    @blueprint.answers(200, TemplateSchema, description="The text as it is now")
    @blueprint.refuses(404)
    def put(self, new: dict[str, Any], name: str, language: str) -> Shown:
        """Use the desk's own words, also in a language that the program lacks."""
        with transaction("api"):
            wording = put_wording(name, language, **new, by=actor(), at=utc_now())
        return _shown(name, language_tag(language), wording)

    @blueprint.needs("settings:write", role=Role.SUPERVISOR)
    @blueprint.answers(204, description="The shipped words are back, if there are any in that language")
    @blueprint.refuses(404, 422)
    def delete(self, name: str, language: str) -> None:
        """Do without the desk's own words."""
        with transaction("api"):
            drop_wording(name, language, by=actor(), at=utc_now())


@blueprint.route(f"{TEMPLATE}/rendered")
class RenderedTemplate(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(TemplateRenderQuery)
    @blueprint.answers(200, RenderedSchema, description="The text for this ticket")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], name: str) -> Rendered:
        """Read a text in the customer's language, filled in."""
        ticket = read_ticket(caller(), asked["ticket"])
        language = language_tag(asked["language"]) or ticket.customer.language
        return render(name, language, values_of(ticket, calling_agent()))


def _shown(name: str, language: str, one: Wording) -> Shown:
    return Shown(name, language, one.subject, one.body, one.updated_at is not None, one.updated_at)
