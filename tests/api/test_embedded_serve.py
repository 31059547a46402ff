"""`comptoir serve` as an operator has it: one command, killed and ended in every way."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from api.embedded import ports
from config import running

pytestmark = pytest.mark.processes
PATIENCE = 120.0  # seconds; as long as a start may take
PARTS = ("smtp", "worker", "ticker", "web_server", "valkey-server")


class Desk:
    """A running `comptoir serve`, its ports and its folder."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "my data"
        self.errors = folder / "errors"
        self.output = folder / "output"
        self.port, smtp_port = ports.free_port(), ports.free_port()
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("COMPTOIR_", "TWILIO_"))}
        self.env |= {
            "COMPTOIR_PORT": str(self.port),
            "COMPTOIR_SMTP_PORT": str(smtp_port),
            "COMPTOIR_DATA_DIR": str(self.data_dir),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def serve(self, **env: str) -> "subprocess.Popen[bytes]":
        """Start the command; what it prints goes to files."""
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            command = [sys.executable, "-m", "api.embedded", "serve"]
            process = subprocess.Popen(command, env=self.env | env, stdout=output, stderr=errors)
        self.processes.append(process)
        return process

    def open(self) -> "subprocess.Popen[bytes]":
        """Start the command and wait for its banner."""
        process = self.serve()
        eventually(lambda: "Ctrl-C" in self.output.read_text() or process.poll() is not None)
        assert process.poll() is None, self.errors.read_text()
        return process

    def is_healthy(self) -> bool:
        """Say whether the web answers, which may take a while."""
        with contextlib.closing(HTTPConnection(ports.LOOPBACK, self.port, timeout=PATIENCE)) as connection:
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
            except (OSError, HTTPException):
                return False

    def children(self, parent: "subprocess.Popen[bytes]") -> dict[str, int]:
        """Return the parts that run, by name."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            pid = int(stat.parent.name)
            if is_alive(pid) and parent_of(pid) == parent.pid:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
                    command = (stat.parent / "cmdline").read_text()
                    found |= {name: pid for name in PARTS if name in command}
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk that does not outlive the test."""
    desk = Desk(tmp_path)
    yield desk
    for process in desk.processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def open_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk that is open already; several tests share it, as each start takes seconds."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.open()
    yield desk
    for process in desk.processes:
        process.kill()
        process.wait()


def test_the_banner_says_where_everything_is_and_who_one_may_be(open_desk):
    desk = open_desk

    said = desk.output.read_text()

    assert f"http://127.0.0.1:{desk.port}/docs" in said
    assert f"port {desk.env['COMPTOIR_SMTP_PORT']}" in said
    assert all(role in said for role in ("agent", "supervisor", "admin"))
    customer = next(line for line in said.splitlines() if "simulate" in line)
    agent = next(line for line in said.splitlines() if "curl" in line)
    subprocess.run(["sh", "-c", customer], check=True)
    answer = subprocess.run(["sh", "-c", agent], check=True, stdout=subprocess.PIPE)
    assert [one["channel"] for one in json.loads(answer.stdout)["items"]] == ["email"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_within_ten_seconds(desk, number):
    parent = desk.open()
    children = desk.children(parent)
    assert children.keys() == set(PARTS)
    assert running.read(desk.data_dir)["sandbox"] == "on"
    assert (desk.data_dir / running.RUNNING_FILE).stat().st_mode & 0o077 == 0

    parent.send_signal(number)

    assert parent.wait(PATIENCE) == 0
    assert not any(is_alive(pid) for pid in children.values())
    assert "Traceback" not in desk.errors.read_text()
    assert "part killed" not in desk.errors.read_text()
    assert not (desk.data_dir / running.RUNNING_FILE).exists()


def test_nothing_is_left_when_it_is_killed_and_it_opens_again(desk):
    parent = desk.open()
    family = set(desk.children(parent).values())
    family |= {pid for pid in all_processes() if parent_of(pid) in family}
    assert len(family) > len(PARTS)  # gunicorn's own worker too

    parent.kill()
    parent.wait()

    eventually(lambda: not any(is_alive(pid) for pid in family))
    desk.open()
    assert desk.is_healthy()


@pytest.mark.parametrize("name", ["worker", "ticker", "smtp", "valkey-server"])
def test_the_web_goes_on_while_another_part_is_started_again(open_desk, name):
    desk, parent = open_desk, open_desk.processes[0]
    before = desk.children(parent)

    os.kill(before[name], signal.SIGKILL)

    def is_back() -> bool:
        assert desk.is_healthy()
        return desk.children(parent).get(name, before[name]) != before[name]

    eventually(is_back)
    assert desk.children(parent)["web_server"] == before["web_server"]


def test_callers_wait_for_a_web_server_that_is_started_again(open_desk):
    desk, parent = open_desk, open_desk.processes[0]
    before = desk.children(parent)

    os.kill(before["web_server"], signal.SIGKILL)

    # Refused at no moment: the parent holds the socket. An answer may take a while.
    for _ in range(20):
        assert ports.accepts(ports.LOOPBACK, desk.port)
    # The program is loaded anew. The old one's workers may answer a moment longer.
    eventually(lambda: desk.children(parent).get("web_server", 0) not in (0, before["web_server"]))
    eventually(desk.is_healthy)


def test_a_second_one_on_the_same_folder_is_refused_with_a_sentence(desk):
    with running.hold(make(desk.data_dir)):
        assert desk.serve().wait(PATIENCE) == 1

    assert "Error: another `comptoir serve` is running on" in desk.errors.read_text()
    assert "Traceback" not in desk.errors.read_text()


@pytest.mark.parametrize("variable", ["COMPTOIR_PORT", "COMPTOIR_SMTP_PORT"])
def test_a_port_that_is_taken_is_named(desk, variable):
    with ports.listen(ports.LOOPBACK, int(desk.env[variable]), variable=variable):
        assert desk.serve().wait(PATIENCE) == 1

    assert f"cannot listen on port {desk.env[variable]}" in desk.errors.read_text()
    assert variable in desk.errors.read_text()


def test_a_wrong_setting_is_named(desk):
    assert desk.serve(COMPTOIR_TICK_SECONDS="soon").wait(PATIENCE) == 1

    assert "COMPTOIR_TICK_SECONDS" in desk.errors.read_text()
    assert "Traceback" not in desk.errors.read_text()


def eventually(holds: Callable[[], bool], within: float = PATIENCE) -> None:
    """Wait until it holds; fail when it does not within some seconds."""
    patient_until = time.monotonic() + within
    while not holds():
        assert time.monotonic() < patient_until, "it never came true"
        time.sleep(0.05)


def all_processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def parent_of(pid: int) -> int | None:
    fields = _fields(pid)
    return int(fields[1]) if fields else None


def is_alive(pid: int) -> bool:
    fields = _fields(pid)
    return bool(fields) and fields[0] != "Z"


def _fields(pid: int) -> list[str]:
    """Return state, parent and what follows from /proc; [] for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder
