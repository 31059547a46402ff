"""`comptoir agent` and `comptoir token`: who works here, and with which keys."""

import sys
from datetime import timedelta

import click

ROLES = ("agent", "supervisor", "admin")


@click.group()
def agent() -> None:
    """People at the desk."""


@agent.command("create")
@click.argument("email")
@click.option("--name", required=True, help="As customers read it.")
@click.option("--role", type=click.Choice(ROLES), default="agent", show_default=True)
@click.option("--queue", "queues", multiple=True, help="Make them a member of a queue; can be repeated.")
def create_agent(email: str, name: str, role: str, queues: tuple[str, ...]) -> None:
    """Add a person to the desk; prints their id."""
    from api.cli.context import application
    from ticketing import agents
    from ticketing.models import QueueMember, Role
    from ticketing.moment import utc_now
    from ticketing.queues import find_queue
    from ticketing.transaction import transaction

    with application(), transaction("cli") as session:
        created = agents.create_agent(email, name=name, role=Role(role), at=utc_now())
        session.add_all(QueueMember(queue_id=find_queue(one).id, agent_id=created.id) for one in queues)
        click.echo(created.id)


@agent.command("password")
@click.argument("email")
def set_password(email: str) -> None:
    """Give a person a password, asked for at the terminal or read from standard input; ends their logins."""
    from api.cli.context import application
    from ticketing import agents, credentials, passwords
    from ticketing.events import SYSTEM
    from ticketing.moment import utc_now
    from ticketing.transaction import transaction

    with application():
        person = agents.agent_by_email(email)
        if sys.stdin.isatty():
            secret = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        else:
            secret = sys.stdin.readline().rstrip("\r\n")
        passwords.check_new(secret, known_as=[person.name, person.email])
        kept = passwords.hashed(secret)
        with transaction("cli"):
            credentials.set_password(agents.agent_by_email(email), kept, by=SYSTEM, at=utc_now())


@click.group()
def token() -> None:
    """Keys by which programs act for an agent."""


@token.command("create")
@click.option("--agent", "email", required=True, help="The agent's address.")
@click.option("--name", required=True, help="So that you know later which one to revoke.")
@click.option("--scope", "scopes", multiple=True, help="Limit what it may do; can be repeated. None: all of the role.")
@click.option("--expires-in", "days", type=click.IntRange(1, 3650), help="Days until it ends. None: until revoked.")
def create_token(email: str, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a token; prints it alone, once. Nobody can show it again."""
    from api.cli.context import application
    from ticketing import agents
    from ticketing.events import SYSTEM
    from ticketing.moment import utc_now
    from ticketing.tokens import note_made
    from ticketing.transaction import transaction

    lifetime = timedelta(days=days) if days else None
    with application(), transaction("cli"):
        owner = agents.agent_by_email(email)
        made, secret = agents.create_token(owner, name=name, scopes=scopes, lifetime=lifetime, at=utc_now())
        note_made(made, by=SYSTEM, at=utc_now())
    click.echo(secret)
