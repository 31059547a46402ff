"""The parent of `comptoir serve`: starts parts in order, restarts one that dies, ends all in reverse.

One thread, asleep until a signal comes. Each part leads a session of its own: a Ctrl-C in the terminal reaches the
parent alone, which then ends everything in order.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

import structlog

from api.embedded.orphans import SUPERVISOR, ends_with_parent

FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0  # seconds before a restart; doubled each time
STEADY_AFTER = 10.0  # a part that lived that long starts again with the first delay
RESERVE = 1.0  # seconds that each batch leaves for the batches ended after it, and to be killed
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = structlog.get_logger()


class AskedToEnd(Exception):
    """A signal asked us to end; leave the supervisor's block."""


class PartFailed(Exception):
    """A part did not become ready, or a task did not succeed."""


@dataclass(frozen=True)
class Part:
    """One process: what to run, and how to know that it is ready."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # besides our own environment
    is_ready: Callable[[], bool] | None = None  # quick, asked again and again; None: ready as soon as it runs
    ready_within: float = 120.0
    cwd: Path | None = None  # None: ours
    pass_fds: tuple[int, ...] = ()


@dataclass
class _Child:
    """A part and the process that plays it at the moment."""

    part: Part
    process: subprocess.Popen[bytes]
    started_at: float
    delay: float = FIRST_DELAY
    restart_at: float | None = None  # None: it runs, as far as we know


class Supervisor:
    """A context manager: leaving its block ends all parts, the last batch first."""

    def __init__(self, *, end_within: float = 10.0) -> None:
        self._end_within = end_within
        self._batches: list[list[_Child]] = []
        self._asked_to_end = False
        self._restore: dict[int, signal._HANDLER] = {}
        self._awake, self._wake = os.pipe()

    def __enter__(self) -> Self:
        for end in (self._awake, self._wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._handle(signal.SIGCHLD, lambda _number, _frame: None)
        for number in ENDING_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup asks us to stay
                self._handle(number, self._ask_to_end)
        return self

    def _handle(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        self._restore[number] = signal.signal(number, handler) or signal.SIG_DFL

    def _ask_to_end(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_end = True

    def __exit__(self, *_: object) -> None:
        self._end()
        for number, handler in self._restore.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._awake)
        os.close(self._wake)

    def start(self, *parts: Part) -> None:
        """Start a batch in its order and return when all of it is ready; else as `start_batches`."""
        self.start_batches(parts)

    def start_batches(self, *batches: Sequence[Part]) -> None:
        """Start batches at once and return when all of them are ready; they end one after the other, the last first.

        Raises AskedToEnd, or PartFailed when a part is not ready in time; then all that was started here is ended.
        """
        first = len(self._batches)
        try:
            for parts in batches:
                self._batches.append([])
                for part in parts:
                    self._batches[-1].append(_Child(part, _spawn(part), time.monotonic()))
            for child in self._children(first):
                self._wait_until_ready(child)
        except PartFailed:
            while len(self._batches) > first:
                self._end_batch(self._batches.pop(), time.monotonic() + RESERVE)
            raise

    def _wait_until_ready(self, child: _Child) -> None:
        part, pause = child.part, 0.01
        while part.is_ready and not part.is_ready():
            if (status := child.process.poll()) is not None:
                raise PartFailed(f"the {part.name} process ended with status {status} before it was ready")
            if time.monotonic() > child.started_at + part.ready_within:
                raise PartFailed(f"the {part.name} process was not ready within {part.ready_within:.0f} seconds")
            self._pause(pause)
            pause = min(pause * 1.5, 0.2)

    def output_of(self, task: Part) -> str:
        """Run a task to its end and return what it printed. Raises PartFailed, AskedToEnd."""
        child = _Child(task, _spawn(task, stdout=subprocess.PIPE), time.monotonic())
        self._batches.append([child])
        assert child.process.stdout is not None  # noqa: S101 - for the type checker: we asked for a pipe
        with child.process.stdout as stdout:
            printed = b""
            while chunk := self._read(stdout.fileno()):
                printed += chunk
        while child.process.poll() is None:
            self._pause(0.01)
        self._batches.pop()
        if child.process.returncode:
            raise PartFailed(f"the {task.name} task ended with status {child.process.returncode}")
        return printed.decode()

    def _read(self, file: int) -> bytes:
        while not self._pause(1.0, file):
            pass
        return os.read(file, 65_536)

    def keep_running(self) -> None:
        """Restart whatever dies, until AskedToEnd."""
        while True:
            now = time.monotonic()
            for child in self._children():
                _look_after(child, now)
            restarts = [child.restart_at for child in self._children() if child.restart_at is not None]
            # A signal wakes us; the long pause only forgives one that went astray.
            self._pause(min(restarts, default=now + 5.0) - now)

    def _children(self, first_batch: int = 0) -> list[_Child]:
        return [child for batch in self._batches[first_batch:] for child in batch]

    def _pause(self, seconds: float, *files: int) -> bool:
        """Wait for a signal, for one of `files` to be readable (then say so) or for `seconds` to pass."""
        readable = self._doze(seconds, *files)
        if self._asked_to_end:
            raise AskedToEnd
        return any(file in readable for file in files)

    def _doze(self, seconds: float, *files: int) -> list[int]:
        readable, _, _ = select.select([self._awake, *files], [], [], max(seconds, 0.0))
        with contextlib.suppress(BlockingIOError):
            os.read(self._awake, 4096)
        return readable

    def _end(self) -> None:
        """End the batches in reverse; what lingers is killed in time for all to be gone in `end_within` seconds."""
        last_moment = time.monotonic() + self._end_within
        while self._batches:
            patient_until = last_moment - RESERVE * len(self._batches)
            self._end_batch(self._batches.pop(), patient_until)

    def _end_batch(self, batch: list[_Child], patient_until: float) -> None:
        for child in reversed(batch):
            if child.process.poll() is None:
                child.process.terminate()
        while any(child.process.poll() is None for child in batch) and time.monotonic() < patient_until:
            self._doze(0.05)
        for child in reversed(batch):
            _make_sure_of_the_end(child)


def _spawn(part: Part, *, stdout: int | None = None) -> subprocess.Popen[bytes]:
    """Start the part's process, in a session of its own, tied to our life."""
    return subprocess.Popen(  # noqa: S603 - our own programs
        list(part.argv),
        env={**os.environ, **part.env, SUPERVISOR: str(os.getpid())},
        cwd=part.cwd,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if stdout is None else stdout,  # standard output is the banner's
        start_new_session=True,
        preexec_fn=ends_with_parent(),  # safe: we have one thread only
        pass_fds=part.pass_fds,
    )


def _look_after(child: _Child, now: float) -> None:
    if child.restart_at is None and (status := child.process.poll()) is not None:
        _kill_session(child)
        if now - child.started_at >= STEADY_AFTER:
            child.delay = FIRST_DELAY
        log.warning("part ended", part=child.part.name, status=status, restart_in_seconds=child.delay)
        child.restart_at = now + child.delay
        child.delay = min(child.delay * 2, LONGEST_DELAY)
    elif child.restart_at is not None and now >= child.restart_at:
        child.process, child.started_at, child.restart_at = _spawn(child.part), now, None
        log.warning("part restarted", part=child.part.name, pid=child.process.pid)


def _make_sure_of_the_end(child: _Child) -> None:
    if child.process.poll() is None:
        log.warning("part killed", part=child.part.name, reason="it did not end in time")
    _kill_session(child)
    child.process.wait()


def _kill_session(child: _Child) -> None:
    """Kill whatever is left of the session that the part led: the part itself, or children that it left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: not permitted on the dead
        os.killpg(child.process.pid, signal.SIGKILL)
