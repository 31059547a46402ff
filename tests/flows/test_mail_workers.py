"""`comptoir smtp` with several processes behind one port: one that dies loses nothing, and all of them end together."""

import os
import signal
import smtplib
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from api.embedded import ports
from tests import make
from tests.channels import letters
from tests.conftest import SECRET_KEY
from tests.flows.running import wait_for
from ticketing.envelope import Channel
from ticketing.models import Message
from ticketing.store import db

pytestmark = pytest.mark.processes


def bring(port: int, number: int) -> bool:
    """Bring a mail as a mail server does, which comes again where it is not told that the mail is kept."""
    mail = letters.mail(f"<{number}@home.example>", "Kettle", "It drips.")
    with suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", port, "home.example", timeout=60) as smtp:
        smtp.sendmail("lucie@home.example", [letters.US], mail)
        return True
    return False


def workers(parent: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="it looks for processes where Linux lists them")
@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_a_mail_process_that_is_killed_loses_nothing_and_all_end_together(app: Flask, tmp_path: Path) -> None:
    make.inbox(Channel.EMAIL, address=letters.US)
    port = ports.free_port()
    given = {
        "COMPTOIR_DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "COMPTOIR_DATA_DIR": str(tmp_path),
        "COMPTOIR_SECRET_KEY": SECRET_KEY,
        "COMPTOIR_SMTP_PORT": str(port),
        "COMPTOIR_SMTP_WORKERS": "2",
    }
    with subprocess.Popen([sys.executable, "-m", "api.embedded", "smtp"], env={**os.environ, **given}) as process:
        try:
            wait_for(lambda: len(workers(process.pid)) == 2)
            for number in range(5):
                wait_for(lambda number=number: bring(port, number))
            first, _ = workers(process.pid)
            os.kill(first, signal.SIGKILL)
            for number in range(5, 10):
                wait_for(lambda number=number: bring(port, number))
            wait_for(lambda: len(set(workers(process.pid)) - {first}) == 2)
            last = workers(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    assert not any(Path(f"/proc/{one}").exists() for one in last)
    db.session.rollback()
    assert db.session().scalar(select(func.count()).select_from(Message)) == 10
