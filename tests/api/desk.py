"""What the tests of the API have in common: an SLA policy that always runs, and a caller with a token."""

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sla.defaults import load_defaults
from tests import make
from tests.conftest import NOON
from ticketing.models import Agent, Role
from ticketing.transaction import transaction

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = {"name": "Always", "time_zone": "UTC", "weekly": {day: [["00:00", "24:00"]] for day in DAYS}}
FOUR_HOURS = {"first_response": {"allowance_seconds": 14_400, "warn_seconds_before": 1800}}
STANDARD = {"name": "Standard", "position": 1, "calendar": "Always", "targets": FOUR_HOURS}


def promise() -> None:
    """Promise an answer within four hours, day and night."""
    with transaction("test"):
        load_defaults({"calendars": [ALWAYS], "policies": [STANDARD]}, NOON)


class Desk:
    """An agent who calls the API."""

    def __init__(self, client: FlaskClient, agent: Agent | None = None, **token: Any) -> None:
        self.agent = agent or make.agent()
        self.headers = make.bearer(self.agent, **token)
        self._client = client

    def get(self, path: str, **values: Any) -> TestResponse:
        return self.call("GET", path, **values)

    def post(self, path: str, json: Any = None, **values: Any) -> TestResponse:
        return self.call("POST", path, json=json, **values)

    def put(self, path: str, json: Any = None, **values: Any) -> TestResponse:
        return self.call("PUT", path, json=json, **values)

    def patch(self, path: str, json: Any, **values: Any) -> TestResponse:
        return self.call("PATCH", path, json=json, **values)

    def delete(self, path: str, **values: Any) -> TestResponse:
        return self.call("DELETE", path, **values)

    def call(self, method: str, path: str, **values: Any) -> TestResponse:
        headers = {**self.headers, **values.pop("headers", {})}
        return self._client.open(f"/api/v1{path}", method=method, headers=headers, **values)


def admin(client: FlaskClient) -> Desk:
    """An admin who calls the API."""
    return Desk(client, make.agent(Role.ADMIN, name="Grace"))
