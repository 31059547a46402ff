"""How fast mail comes in by SMTP: new tickets and answers that must find theirs, beside a raw listener and raw SQL.

.venv/bin/python benchmarks/mail.py [--workers N] [--connections N] [--rounds N]; see benchmarks/README.md.
"""

import argparse
import random
import smtplib
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlalchemy import func, select

from api.embedded.ports import LOOPBACK, free_port
from benchmarks.looking import statements
from benchmarks.stage import SECRET_KEY, Server, Stage, set_stage
from channels.email.mail_intake import Envelope, take_in
from channels.email.reply_address import new_message_id, plus_address
from channels.models import InboundItem, ItemState
from config.settings import derived_key
from ticketing.models import Message, Ticket
from ticketing.moment import utc_now
from ticketing.store import db

SUPPORT = "support@comptoir.example"
KEY = derived_key(SECRET_KEY, "mail threads")
HALF = 500  # mails of a round that open a ticket, and mails that answer on one
FILE = random.Random(1).randbytes(40_000)
WORDS = "Hello,\n\nthe kettle that I bought last week leaks. Order 12345.\n\nCould you send me another one?\n"
ANSWER = "Thank you, it works again.\n\nOne more thing: the lid number {number} does not close.\n\nKarim\n"
QUOTE = "\nOn Fri, 20 Nov 2026 at 10:00, Comptoir Support <support@comptoir.example> wrote:\n> Did it help?\n> {}\n"


@dataclass(frozen=True)
class Letter:
    """A mail to send. `ticket` is the one that it must end up on, None for a new one."""

    kind: str
    number: int
    raw: bytes = field(repr=False)
    message_id: str
    recipient: str
    ticket: int | None = None


@dataclass(frozen=True)
class Round:
    """What a round came to, in seconds."""

    mails: int
    took: float
    ours: float  # processor time of the listener
    database: float
    client: float


def main() -> None:
    """Measure, check that nothing is lost, twice or on a wrong ticket, and print the tables."""
    arguments = _arguments()
    with set_stage("postgresql", workers=1) as stage, ExitStack() as stack:
        port, raw_port = free_port(), free_port()
        ours = stack.enter_context(
            stage.running([sys.executable, "-m", "api.embedded", "smtp"], port, **_given(arguments, port))
        )
        yardstick = [sys.executable, str(Path(__file__).with_name("mail_yardstick.py")), str(raw_port)]
        raw = stack.enter_context(stage.running([*yardstick, stage.environment["COMPTOIR_DATABASE_URL"]], raw_port))
        _measure(stage, ours, raw, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of 1,000 mails (%(default)s)")
    parser.add_argument("--connections", type=int, default=6, help="that bring mail at once (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes of the listener (%(default)s)")
    return parser.parse_args()


def _given(arguments: argparse.Namespace, port: int) -> dict[str, str]:
    return {"COMPTOIR_SMTP_PORT": str(port), "COMPTOIR_SMTP_WORKERS": str(arguments.workers)}


def _measure(stage: Stage, ours: Server, raw: Server, arguments: argparse.Namespace) -> None:
    first = [_new(number) for number in range(HALF)]
    _send(ours.port, first, arguments.connections)
    found = _tickets(stage, first)
    _count_up(stage)
    rounds: tuple[list[Round], list[Round]] = ([], [])
    sent = list(first)
    for turn in range(1, arguments.rounds + 1):
        letters = _letters(turn, first, found)
        for server, kept in ((ours, rounds[0]), (raw, rounds[1])):
            kept.append(_round(stage, server, letters, arguments.connections))
        sent += letters
    _check(stage, sent, arguments.connections, ours)
    print(f"\n## Mail by SMTP, PostgreSQL, {arguments.workers} processes, {arguments.connections} connections\n")
    _print_rates(*rounds)
    print("\n| SQL statements of a mail | |\n| --- | --- |")
    for kind, count in _statements(stage, first, found).items():
        print(f"| {kind} | {count} |")


def _count_up(stage: Stage) -> None:
    """Let PostgreSQL know how large its tables are, as it does by itself within a minute or two.

    Before that it plans for empty ones, and reads all people to find one.
    """
    with stage.app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")


def _letters(turn: int, first: Sequence[Letter], found: dict[str, int]) -> list[Letter]:
    """Return a round's mails: half of them new, the others answers of every kind, in no order."""
    makers = list(ANSWERS.values())
    letters = [_new(turn * 10_000 + n) for n in range(HALF)]
    letters += [makers[n % len(makers)](one, found[one.message_id], turn) for n, one in enumerate(first)]
    random.Random(turn).shuffle(letters)
    return letters


def _new(number: int) -> Letter:
    message_id = f"<{number}@mail.example>"
    mail = _mail(number, SUPPORT, f"The kettle leaks ({number})", message_id, WORDS)
    return Letter("new", number, mail.as_bytes(policy=SMTP), message_id, SUPPORT)


def _answer(kind: str, one: Letter, ticket: int, turn: int, *, to: str = SUPPORT, **headers: str) -> Letter:
    message_id = f"<{one.number}.{turn}@mail.example>"
    subject = headers.pop("subject", f"Re: The kettle leaks ({one.number})")
    text = ANSWER.format(number=turn) + QUOTE.format(one.number)
    mail = _mail(one.number, to, subject, message_id, text, file=turn % 10 == one.number % 10, **headers)
    return Letter(kind, one.number, mail.as_bytes(policy=SMTP), message_id, to, ticket)


def _by_our_id(one: Letter, ticket: int, turn: int) -> Letter:
    ours = new_message_id(ticket, 1, "comptoir.example", KEY)
    return _answer("header, our Message-ID", one, ticket, turn, In_Reply_To=ours, References=f"{one.message_id} {ours}")


def _by_their_id(one: Letter, ticket: int, turn: int) -> Letter:
    return _answer("header, their Message-ID", one, ticket, turn, In_Reply_To=one.message_id)


def _by_address(one: Letter, ticket: int, turn: int) -> Letter:
    return _answer("token in the address", one, ticket, turn, to=plus_address(SUPPORT, ticket, KEY))


def _by_subject(one: Letter, ticket: int, turn: int) -> Letter:
    return _answer("token in the subject", one, ticket, turn, subject=f"Re: The kettle leaks [#{ticket}]")


ANSWERS: dict[str, Callable[[Letter, int, int], Letter]] = {
    "header, our Message-ID": _by_our_id,
    "header, their Message-ID": _by_their_id,
    "token in the address": _by_address,
    "token in the subject": _by_subject,
}


def _mail(
    number: int, to: str, subject: str, message_id: str, text: str, *, file: bool | None = None, **headers: str
) -> EmailMessage:
    """Return a mail of two parts, text and HTML; every tenth has a file."""
    mail = EmailMessage()
    mail["From"] = f"Karim <karim{number}@mail.example>"
    mail["To"] = to
    mail["Date"] = "Sat, 21 Nov 2026 10:00:00 +0000"
    mail["Subject"] = subject
    mail["Message-ID"] = message_id
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    mail.add_alternative("<div>" + text.replace("\n", "<br>\n") + "</div>", subtype="html")
    if file if file is not None else number % 10 == 0:
        mail.add_attachment(FILE, maintype="image", subtype="jpeg", filename="kettle.jpg")
    return mail


def _round(stage: Stage, server: Server, letters: Sequence[Letter], connections: int) -> Round:
    before = (server.processor_seconds(), stage.database_seconds(), time.process_time())
    took = _send(server.port, letters, connections)
    after = (server.processor_seconds(), stage.database_seconds(), time.process_time())
    ours, database, client = (b - a for a, b in zip(before, after, strict=True))
    return Round(len(letters), took, ours, database, client)


def _send(port: int, letters: Sequence[Letter], connections: int) -> float:
    """Send all mails and return how long it took. Raises when one is not accepted."""
    troubles: list[BaseException] = []

    def bring(share: Sequence[Letter]) -> None:
        try:
            with smtplib.SMTP(LOOPBACK, port, "mail.example", timeout=120) as smtp:
                for one in share:
                    smtp.sendmail(f"karim{one.number}@mail.example", [one.recipient], one.raw)
        except BaseException as trouble:  # noqa: BLE001 - told by the thread that waits for us
            troubles.append(trouble)

    threads = [threading.Thread(target=bring, args=(letters[n::connections],)) for n in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return time.perf_counter() - began


def _tickets(stage: Stage, letters: Sequence[Letter]) -> dict[str, int]:
    """Return where each mail is, by its Message-ID. Raises when one is nowhere, or twice."""
    with stage.app.app_context():
        rows = db.session.execute(
            select(Message.provider_id, Message.ticket_id).where(Message.provider_id.is_not(None))
        )
        found = [(str(one), ticket) for one, ticket in rows]
        db.session.remove()
    twice = [one for one, count in Counter(one for one, _ in found).items() if count > 1]
    missing = {letter.message_id for letter in letters} - {one for one, _ in found}
    if twice or missing:
        raise RuntimeError(f"{len(missing)} mails are lost, {len(twice)} are there twice")
    return dict(found)


def _check(stage: Stage, sent: Sequence[Letter], connections: int, ours: Server) -> None:
    """Send a part once more, and hold everything against what it must be."""
    _send(ours.port, sent[::20], connections)
    found = _tickets(stage, sent)
    answers = [one for one in sent if one.ticket is not None]
    astray = Counter(one.kind for one in answers if found[one.message_id] != one.ticket)
    with stage.app.app_context():
        tickets = db.session.scalar(select(func.count()).select_from(Ticket)) or 0
        odd = db.session.scalar(select(func.count()).where(InboundItem.state != ItemState.PROCESSED)) or 0
        db.session.remove()
    if astray or odd or tickets != len(sent) - len(answers):
        raise RuntimeError(f"astray: {dict(astray)}; not processed: {odd}; tickets: {tickets}")
    print(f"{len(sent):,} mails: none lost, none twice, {len(answers):,} answers all on their tickets")


def _statements(stage: Stage, first: Sequence[Letter], found: dict[str, int]) -> dict[str, int]:
    """Return how many SQL statements one mail of each kind takes, counted in this process."""
    one = first[1]
    letters = [_new(-1)]
    letters += [make(one, found[one.message_id], 1000 + 10 * n) for n, make in enumerate(ANSWERS.values())]
    letters.append(_by_our_id(first[9], found[first[9].message_id], 1099))
    counted = {}
    with stage.app.app_context():
        for letter in letters:
            envelope = Envelope("karim@mail.example", {SUPPORT: [letter.recipient]})
            with statements(stage.app) as sent:
                take_in(letter.raw, envelope, SUPPORT, door="smtp", at=utc_now())
            db.session.remove()
            counted[letter.kind + (", with a file" if letter.number == first[9].number else "")] = len(sent)
    return counted


def _print_rates(ours: Sequence[Round], raw: Sequence[Round]) -> None:
    print("| | mails /s, median | lowest | highest | CPU ms | CPU ms database | CPU ms client |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, rounds in (("ours", ours), ("raw", raw)):
        rates = [one.mails / one.took for one in rounds]
        mails = sum(one.mails for one in rounds) / 1000
        spent = [sum(getattr(one, part) for one in rounds) / mails for part in ("ours", "database", "client")]
        figures = [f"**{statistics.median(rates):.0f}**", f"{min(rates):.0f}", f"{max(rates):.0f}"]
        print(f"| {name} | {' | '.join([*figures, *(f'{one:.2f}' for one in spent)])} |", flush=True)


if __name__ == "__main__":
    main()
