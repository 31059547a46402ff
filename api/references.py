"""Find what a body refers to. What is not there is then the body's fault (422), not the address's (404)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from api.auth import caller
from ticketing import agents, queues
from ticketing.errors import InvalidInput, NotFound
from ticketing.known import must_know
from ticketing.models import Agent, Customer, Handle, Queue
from ticketing.requests import identify


def queue_named(name_or_id: str | int | None) -> Queue:
    """Return a queue by name or id; None: the desk's first one. Raises InvalidInput.

    A queue that the caller does not work will do: handing something over to colleagues is everyday work.
    """
    with named_in_the_body():
        return queues.default_queue() if name_or_id is None else queues.find_queue(name_or_id)


def agent_with(agent_id: int | None) -> Agent:
    """Return an agent by id; None: the caller. Raises InvalidInput."""
    with named_in_the_body():
        return agents.find_agent(caller().agent_id if agent_id is None else agent_id)


def customer_described(given: Mapping[str, Any], *, at: datetime) -> tuple[Customer, list[Handle]]:
    """Return the customer whom a body names or describes, with the handles that it gives. Raises InvalidInput."""
    described = {name: value for name, value in given.items() if name != "id"}
    with named_in_the_body():
        if "id" in given:
            must_know(caller(), given["id"])
        return identify(at=at, customer_id=given.get("id"), **described)


@contextmanager
def named_in_the_body() -> Iterator[None]:
    """Whatever the block looks for is named in the body, so that it must be there."""
    try:
        yield
    except NotFound as error:
        raise InvalidInput(str(error)) from None
