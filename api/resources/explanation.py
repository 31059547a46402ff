"""Why the clocks of a ticket stand as they do."""

from typing import Any

from flask import request
from flask.views import MethodView

from api.auth import caller
from api.blueprint import Blueprint
from api.requests import read_at
from api.schemas.explanations import ExplanationQuery, ExplanationSchema
from sla.explanation import Explanation
from sla.explanations import explanations_of
from sla.words import Language
from ticketing.queries import must_see

blueprint = Blueprint("explanation", description="What was promised, told in words")

Explained = tuple[list[Explanation], dict[str, str]]


@blueprint.route("/tickets/<id:ticket_id>/sla/explanation")
class TicketExplanation(MethodView):
    @blueprint.needs("tickets:read")
    @blueprint.asks(ExplanationQuery)
    @blueprint.answers(200, ExplanationSchema(many=True), description="The ticket's clocks, oldest first, explained")
    @blueprint.refuses(404)
    def get(self, asked: dict[str, Any], ticket_id: int) -> Explained:
        """Read why each clock stands as it does: its policy, and every interval that counts or does not."""
        must_see(caller(), ticket_id)
        language = asked.get("language") or _wanted()
        found = explanations_of(ticket_id, read_at(), language=language, metric=asked.get("metric"))
        return found, {"Content-Language": language.value, "Vary": "Accept-Language"}


def _wanted() -> Language:
    """Return the language that the client would like best of those that we have."""
    # Not best_match, which passes by fr-CA for an en that is wanted less.
    wanted = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((Language(one) for one in wanted if one in set(Language)), Language.ENGLISH)
