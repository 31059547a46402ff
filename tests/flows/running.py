"""A desk that really runs: `comptoir serve` in a folder of its own, and people who use it from outside."""

import json
import os
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests
from twilio.request_validator import RequestValidator

from api.embedded.ports import free_port

T = TypeVar("T")

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 180  # five processes, on a machine that may have other things to do
SENDERS_NAME = "Lucie Tremblay"


@dataclass
class Desk:
    """One running `comptoir serve`."""

    folder: Path
    environment: dict[str, str]
    process: "subprocess.Popen[bytes]"
    port: int
    smtp_port: int
    _sandbox: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox(self) -> dict[str, Any]:
        """What `comptoir sandbox info` says."""
        if not self._sandbox:
            self._sandbox = json.loads(self.command("sandbox", "info"))
        return self._sandbox

    def command(self, *words: str) -> str:
        """Run a `comptoir` command beside the running desk; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "api.embedded", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"comptoir {' '.join(words)}: {done.stderr}"
        return done.stdout

    def agent(self, email: str, role: str = "agent") -> "AgentClient":
        """A new agent with a token."""
        agent_id = self.command("agent", "create", email, "--name", email.partition("@")[0].title(), "--role", role)
        secret = self.command("token", "create", "--agent", email, "--name", "test").strip()
        return AgentClient(self.url, secret, int(agent_id))

    def inbox(self, channel: str) -> str:
        """Our address on a channel."""
        return next(one["address"] for one in self.sandbox["inboxes"] if one["channel"] == channel)

    def twilio(self, path: str, **values: str) -> requests.Response:
        """What Twilio sends: a signed webhook."""
        url = f"{self.url}{path}"
        values = {"AccountSid": self.sandbox["account_sid"], "ApiVersion": "2010-04-01", **values}
        signature = RequestValidator(self.sandbox["auth_token"]).compute_signature(url, values)
        return requests.post(url, data=values, headers={"X-Twilio-Signature": signature}, timeout=60)

    def mail(self, sender: str, subject: str, body: str, *, to: str = "", **headers: str) -> str:
        """What a customer's mail program sends; return the Message-ID."""
        message = EmailMessage()
        message["From"] = f"{SENDERS_NAME} <{sender}>"
        message["To"] = to or self.inbox("email")
        message["Subject"] = subject
        message["Message-ID"] = f"<{time.time_ns()}@home.example>"
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(body)
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=60) as smtp:
            smtp.send_message(message)
        return str(message["Message-ID"])

    def outbox(self, **wanted: str) -> list[dict[str, Any]]:
        """What has arrived at the customers' side of the sandbox."""
        answer = requests.get(f"{self.url}/sandbox/outbox", params=wanted, timeout=60)
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def part(self, name: str) -> psutil.Process:
        """The process of one part: web, worker, ticker, smtp or valkey; one that has just ended is soon there again."""
        words = {"web": "web_server", "valkey": "valkey-server"}.get(name, f"api.embedded {name}")

        def running() -> psutil.Process | None:
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.NoSuchProcess):  # it ends at this moment, or has ended unnoticed by its parent
                    if words in " ".join(child.cmdline()):
                        return child
            return None

        return wait_for(running, seconds=START_SECONDS, what=f"{name} runs")


@dataclass(frozen=True)
class AgentClient:
    """An agent's front-end."""

    url: str
    secret: str
    id: int

    def call(self, method: str, path: str, **values: Any) -> requests.Response:
        return requests.request(
            method,
            f"{self.url}/api/v1{path}",
            headers={"Authorization": f"Bearer {self.secret}"},
            timeout=60,
            **values,
        )

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, *, expect: int = 201) -> Any:
        answer = self.call("POST", path, json=body)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None


def wait_for(condition: Callable[[], T | None], *, seconds: float = 120, what: str = "") -> T:
    """Return what the condition gives as soon as it is true."""
    until = time.monotonic() + seconds
    while True:
        try:
            found = condition()
        except requests.RequestException:
            found = None  # type: ignore[assignment]
        if found:
            return found
        assert time.monotonic() < until, f"still waiting after {seconds} s: {what or condition}"
        time.sleep(0.1)


@contextmanager
def running_desk(folder: Path, **settings: str) -> Iterator[Desk]:
    """Start a desk and end it as Ctrl-C does; its words are in `serve.log`."""
    folder.mkdir(parents=True, exist_ok=True)
    port, smtp_port = free_port(), free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMPTOIR_", "TWILIO_"))}
    environment = {
        **clean,
        "COMPTOIR_PORT": str(port),
        "COMPTOIR_SMTP_PORT": str(smtp_port),
        "COMPTOIR_DATA_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
        **settings,
    }
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.embedded", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    desk = Desk(folder, environment, process, port, smtp_port)
    try:
        _wait_until_it_serves(desk)
        yield desk
    finally:
        _end(process)


def _wait_until_it_serves(desk: Desk) -> None:
    def serves() -> bool:
        assert desk.process.poll() is None, (desk.folder / "serve.log").read_text()
        return requests.get(f"{desk.url}/healthz", timeout=30).status_code == 200

    wait_for(serves, seconds=START_SECONDS, what="comptoir serve")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(60)
        raise
