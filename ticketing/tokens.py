"""Make tokens for oneself, with no more rights than one has."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ticketing import audit
from ticketing.agents import Caller, create_token, find_agent
from ticketing.errors import NotAllowed
from ticketing.events import Actor
from ticketing.models import Token
from ticketing.moment import rfc3339


def make_token(
    caller: Caller, *, name: str, scopes: Iterable[str], lifetime: timedelta | None, at: datetime
) -> tuple[Token, str]:
    """Return a new token of the caller's and its secret; a limited token makes none that may do more than itself.

    Raises NotAllowed, InvalidInput for a scope that does not exist.
    """
    wanted = list(scopes)
    beyond = [scope for scope in wanted if not caller.may(scope)]
    if beyond:
        raise NotAllowed(f"this token lacks the scope {beyond[0]} and cannot give it to another")
    if caller.scopes and not wanted:
        raise NotAllowed("this token is limited to some scopes; name those of the new one")
    is_login = caller.session_id is not None  # which ends, while what a person sets up stays
    if caller.until is not None and not is_login and (lifetime is None or at + lifetime > caller.until):
        raise NotAllowed(f"this token ends at {rfc3339(caller.until)}; the new one has to end by then")
    token, secret = create_token(find_agent(caller.agent_id), name=name, scopes=wanted, lifetime=lifetime, at=at)
    note_made(token, by=Actor.agent(caller.agent_id), at=at)
    return token, secret


def note_made(token: Token, *, by: Actor, at: datetime) -> None:
    """Write down in the audit that there is a new token, and for whom."""
    data = {"agent": token.agent_id, "name": token.name, "scopes": token.scopes}
    audit.record("token_made", subject="token", subject_id=token.id, by=by, at=at, data=data)
