"""How fast tickets come in: opened over the API, and out of text messages and mails, beside raw SQL that does the same.

.venv/bin/python benchmarks/intake.py [--database postgresql|sqlite] [--count N]; see benchmarks/README.md.
"""

import argparse
import functools
import itertools
import sys
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parent.parent))

import orjson
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from api.seed import demo_tokens
from benchmarks.looking import look
from benchmarks.rounds import Call, Plan, Scenario, measure, table
from benchmarks.stage import PUBLIC_URL, Stage, set_stage
from ticketing.envelope import Channel
from ticketing.models import Inbox
from ticketing.moment import utc_now
from ticketing.secrets import encrypt
from ticketing.transaction import transaction

SECRET = "the mail inbox's secret"
OURS = "+15145550100"
SUPPORT = "support@comptoir.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WORDS = "Hello,\n\nthe kettle that I bought last week leaks. Order 12345.\n\nCould you send me another one?\n"


def main() -> None:
    """Measure, and print the table."""
    arguments = read_arguments(__doc__)
    for database in arguments.database:
        with set_stage(database, workers=arguments.workers) as stage:
            print(f"\n## Intake, {database}\n")
            scenarios = _scenarios(stage)
            statements = look(stage, scenarios).statements
            print(table(measure(stage, scenarios, statements, plan=plan_of(arguments))), flush=True)


def read_arguments(description: str | None) -> argparse.Namespace:
    """Read what both benchmarks can be told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", action="append", choices=["postgresql", "sqlite"], help="default: both")
    parser.add_argument("--count", type=int, default=400, help="calls of a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each side (%(default)s)")
    parser.add_argument("--clients", type=int, default=4, help="clients at once (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="web processes on PostgreSQL (%(default)s)")
    parser.add_argument("--tickets", type=int, default=10_000, help="in the store of inbox.py (%(default)s)")
    arguments = parser.parse_args()
    arguments.database = arguments.database or ["postgresql", "sqlite"]
    return arguments


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Return how much to ask."""
    return Plan(rounds=arguments.rounds, count=arguments.count, clients=arguments.clients)


def _scenarios(stage: Stage) -> list[Scenario]:
    with stage.app.app_context():
        token = demo_tokens(stage.app)["agent"]
        _open_mail_door(stage)
    settings = stage.app.extensions["comptoir.settings"]
    validator = RequestValidator(settings.twilio.auth_token)
    fresh = itertools.count(1)  # no customer twice: each call makes one
    return [
        Scenario(
            "POST /tickets",
            lambda _: _request("/api/v1/tickets", next(fresh), {"Authorization": f"Bearer {token}"}),
            lambda _: _request("/tickets", next(fresh), {}),
        ),
        Scenario(
            "SMS webhook",
            lambda _: _text("/inbound/twilio/sms", next(fresh), validator),
            lambda _: _text("/sms", next(fresh), None),
        ),
        Scenario(
            "mail by HTTP",
            lambda _: _mail("/inbound/email", next(fresh), {"Authorization": f"Bearer {SECRET}"}),
            lambda _: _mail("/mail", next(fresh), {}),
        ),
    ]


def _open_mail_door(stage: Stage) -> None:
    with transaction("benchmark") as session:
        inbox = session.scalars(select(Inbox).where(Inbox.channel == Channel.EMAIL)).one()
        inbox.secret = encrypt(SECRET, stage.app.extensions["comptoir.settings"].secret_key)


def _request(path: str, number: int, headers: dict[str, str]) -> Call:
    body = {
        "subject": "The kettle leaks",
        "body": WORDS,
        "customer": {"name": f"Karim {number}", "email": f"karim{number}@home.example"},
    }
    return Call("POST", path, orjson.dumps(body), {"Content-Type": "application/json", **headers}, status=201)


def _text(path: str, number: int, validator: RequestValidator | None) -> Call:
    form = {
        "MessageSid": f"SM{number:032x}",
        "From": f"+1416{2_000_000 + number}",
        "To": OURS,
        "Body": "The kettle that I bought last week leaks. Could you send me another one?",
        "NumMedia": "0",
    }
    sign = {"X-Twilio-Signature": validator.compute_signature(PUBLIC_URL + path, form)} if validator else {}
    return Call("POST", path, urlencode(form).encode(), {**FORM, **sign})


def _mail(path: str, number: int, headers: dict[str, str]) -> Call:
    return Call("POST", path, _letter(number), {"Content-Type": "message/rfc822", **headers})


@functools.lru_cache(maxsize=1)
def _written_at() -> str:
    return f"{utc_now():%a, %d %b %Y %H:%M:%S +0000}"


def _letter(number: int) -> bytes:
    letter = EmailMessage()
    letter["From"] = f"Karim <karim{number}@mail.example>"
    letter["To"] = SUPPORT
    letter["Date"] = _written_at()
    letter["Subject"] = "The kettle leaks"
    letter["Message-ID"] = f"<{number}@mail.example>"
    letter.set_content(WORDS)
    return letter.as_bytes()


if __name__ == "__main__":
    main()
