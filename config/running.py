"""What `comptoir serve` leaves in its data folder for its sister commands, and the lock that says it still runs.

Only while the lock is held does `running.json` count, so a serve that was killed misleads nobody.
"""

import contextlib
import fcntl
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

RUNNING_FILE = "running.json"
LOCK_FILE = "serve.lock"


class AlreadyRunning(Exception):
    """Another `comptoir serve` has this data folder."""


@contextlib.contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Keep this data folder to ourselves; raise AlreadyRunning when another serve has it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_FILE).open("a", encoding="ascii") as file:
        if not lock(file, patience=1.0):  # a sister command may hold its shared lock for a moment
            raise AlreadyRunning(
                f"another `comptoir serve` is running on {data_dir}; stop it or choose another COMPTOIR_DATA_DIR"
            )
        try:
            yield
        finally:
            (data_dir / RUNNING_FILE).unlink(missing_ok=True)


def lock(file: IO[str], *, patience: float) -> bool:
    """Take the exclusive lock on `file` within `patience` seconds; say whether it is ours."""
    patient_until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= patient_until:
                return False
            time.sleep(0.05)
        else:
            return True


def publish(data_dir: Path, found: Mapping[str, str]) -> None:
    """Tell the other commands of this folder where everything is; the file is for this user's eyes only."""
    # A temporary file has mode 0600, and a rename shows either the old file or the whole new one.
    with tempfile.NamedTemporaryFile("w", dir=data_dir, prefix=".running-", delete=False, encoding="utf-8") as file:
        json.dump(dict(found), file, indent=2)
    Path(file.name).replace(data_dir / RUNNING_FILE)


def read(data_dir: Path) -> dict[str, str]:
    """Return what a serve that runs on this folder published; {} when none runs."""
    try:
        if not _is_held(data_dir):
            return {}
        found = json.loads((data_dir / RUNNING_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_held(data_dir: Path) -> bool:
    with (data_dir / LOCK_FILE).open(encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
