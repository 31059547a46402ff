"""The parent of `comptoir serve`, with small programs in place of the real parts."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

PATIENCE = 60.0  # seconds; nothing here takes one, unless the machine has other things to do
PARENT = """
import sys
import time
from functools import partial
from pathlib import Path
from api.embedded.supervisor import AskedToEnd, Part, PartFailed, Supervisor
from config.logs import configure_logs

configure_logs("info", "json")
folder = Path(sys.argv[1])

def part(name, program, **more):
    return Part(name, [sys.executable, "-c", CHILD + program, str(folder), name], **more)

CHILD = '''
import os, signal, sys, time
from pathlib import Path
folder, name = Path(sys.argv[1]), sys.argv[2]
def note(what):
    with (folder / "story").open("a") as story:
        story.write(f"{name} {what}\\\\n")
def ends(*_):
    note("ended")
    sys.exit()
signal.signal(signal.SIGTERM, ends)
def tell(name, pid):
    # At once: whoever finds the file finds the number in it.
    (folder / f"{name}.new").write_text(str(pid))
    (folder / f"{name}.new").rename(folder / name)
note("started")
tell(name, os.getpid())
'''
SLEEPS = "time.sleep(600)"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN); tell('deaf', os.getpid()); time.sleep(600)"
HAPLESS = "[time.sleep(0.01) for _ in iter((folder / 'asked').exists, True)]; sys.exit(3)"
HAS_A_CHILD = "child = os.fork(); child and tell('grandchild', child); time.sleep(600)"

def is_there(name):
    return (folder / name).exists()

def never(name):
    while not is_there(name):
        time.sleep(0.01)
    return False

try:
    with Supervisor(end_within=float(sys.argv[2])) as supervisor:
        {story}
        (folder / "ready").touch()
        supervisor.keep_running()
except AskedToEnd:
    (folder / "orderly").touch()
except PartFailed as failure:
    sys.exit(str(failure))
"""

THREE_PARTS = """
        supervisor.start(part("first", SLEEPS, is_ready=partial(is_there, "first")))
        supervisor.start(
            part("second", SLEEPS, is_ready=partial(is_there, "second")),
            part("third", SLEEPS, is_ready=partial(is_there, "third")),
        )
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Run a parent whose block is the given lines; whatever happens, it does not outlive the test."""
    parents = []

    def start(story: str, *, end_within: float = 60.0, ready: bool = True) -> "subprocess.Popen[bytes]":
        program = PARENT.replace("{story}", story.strip())
        command = [sys.executable, "-c", program, str(tmp_path), str(end_within)]
        # Whoever started the tests with nohup has hang-ups ignored, and children inherit that.
        parents.append(parent := subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=_heed_hang_ups))
        if ready:
            eventually((tmp_path / "ready").exists)
        return parent

    yield start
    for parent in parents:
        parent.kill()
        parent.communicate()


def test_parts_start_in_order_and_end_in_reverse(run, tmp_path):
    parent = run(THREE_PARTS)

    parent.terminate()

    assert parent.wait(PATIENCE) == 0
    story = (tmp_path / "story").read_text().splitlines()
    assert story[0] == "first started"
    assert set(story[3:5]) == {"second ended", "third ended"}
    assert story[5:] == ["first ended"]
    assert (tmp_path / "orderly").exists()


def test_batches_that_start_at_once_end_one_after_the_other(run, tmp_path):
    asked = 'part("asked", SLEEPS, is_ready=partial(is_there, "asking"))'
    asking = 'part("asking", SLEEPS, is_ready=partial(is_there, "asked"))'
    parent = run(f"supervisor.start_batches([{asked}], [{asking}])")

    parent.terminate()

    assert parent.wait(PATIENCE) == 0
    assert (tmp_path / "story").read_text().splitlines()[2:] == ["asking ended", "asked ended"]


def test_none_of_the_batches_is_left_when_one_part_fails(run, tmp_path):
    asked = 'part("asked", SLEEPS, is_ready=partial(is_there, "asked"))'
    hapless = "part('hapless', HAPLESS, is_ready=lambda: False)"
    parent = run(f"supervisor.start_batches([{asked}], [{hapless}])", ready=False)

    assert b"the hapless process ended with status 3" in parent.communicate(timeout=PATIENCE)[1]
    assert not is_alive(pid_of(tmp_path, "asked"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupt_ends_all_without_a_traceback(run, tmp_path, number):
    parent = run(THREE_PARTS)

    parent.send_signal(number)

    assert b"Traceback" not in parent.communicate(timeout=PATIENCE)[1]
    assert not any(is_alive(pid_of(tmp_path, name)) for name in ("first", "second", "third"))


def test_nothing_is_left_when_the_parent_is_killed(run, tmp_path):
    parent = run(THREE_PARTS)

    parent.kill()

    for name in ("first", "second", "third"):
        eventually(lambda name=name: not is_alive(pid_of(tmp_path, name)))


def test_a_part_that_dies_is_started_again(run, tmp_path):
    run(THREE_PARTS)
    before = pid_of(tmp_path, "second")

    os.kill(before, signal.SIGKILL)

    eventually(lambda: pid_of(tmp_path, "second") != before)
    assert is_alive(pid_of(tmp_path, "first"))
    assert is_alive(pid_of(tmp_path, "third"))


def test_a_part_that_keeps_dying_is_started_less_and_less_often(run, tmp_path):
    parent = run('supervisor.start(part("hapless", "sys.exit(3)"))')

    eventually(lambda: starts(tmp_path) == 4)

    parent.terminate()
    said = [json.loads(line) for line in parent.communicate(timeout=PATIENCE)[1].splitlines()]
    pauses = [one["restart_in_seconds"] for one in said if one["event"] == "part ended"]
    assert pauses[:3] == [0.2, 0.4, 0.8]
    restarted = [datetime.fromisoformat(one["at"]) for one in said if one["event"] == "part restarted"]
    lives = zip(pauses[1:], itertools.pairwise(restarted), strict=False)
    assert all((later - earlier).total_seconds() > 0.95 * pause for pause, (earlier, later) in lives)


def test_a_part_that_will_not_end_is_killed_in_time(run, tmp_path):
    parent = run('supervisor.start(part("stubborn", STUBBORN, is_ready=partial(is_there, "deaf")))', end_within=2.0)

    parent.terminate()

    assert b"part killed" in parent.communicate(timeout=PATIENCE)[1]  # it would sleep for ten minutes
    assert not is_alive(pid_of(tmp_path, "stubborn"))


def test_what_a_dead_part_left_behind_is_killed(run, tmp_path):
    run('supervisor.start(part("family", HAS_A_CHILD, is_ready=partial(is_there, "grandchild")))')
    grandchild = pid_of(tmp_path, "grandchild")

    os.kill(pid_of(tmp_path, "family"), signal.SIGKILL)

    eventually(lambda: not is_alive(grandchild))


def test_a_part_that_is_never_ready_stops_the_start(run, tmp_path):
    story = 'supervisor.start(part("mute", SLEEPS, is_ready=partial(never, "mute"), ready_within=0.3))'
    parent = run(story, ready=False)

    assert b"the mute process was not ready within 0 seconds" in parent.communicate(timeout=PATIENCE)[1]
    assert parent.returncode == 1
    assert not is_alive(pid_of(tmp_path, "mute"))


def test_a_task_gives_back_what_it_printed(run, tmp_path):
    run("""(folder / "printed").write_text(supervisor.output_of(part("task", "print('x' * 100_000)")))""")

    assert (tmp_path / "printed").read_text() == "x" * 100_000 + "\n"


def test_a_task_that_fails_stops_the_start(run):
    parent = run('supervisor.output_of(part("task", "sys.exit(4)"))', ready=False)

    assert b"the task task ended with status 4" in parent.communicate(timeout=PATIENCE)[1]


def _heed_hang_ups() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def eventually(holds: Callable[[], bool], within: float = PATIENCE) -> None:
    """Wait until it holds; fail when it does not within some seconds."""
    patient_until = time.monotonic() + within
    while not holds():
        assert time.monotonic() < patient_until, "it never came true"
        time.sleep(0.02)


def starts(folder: Path) -> int:
    story = folder / "story"
    return story.read_text().count("started") if story.exists() else 0


def pid_of(folder: Path, name: str) -> int:
    return int((folder / name).read_text())


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits for its status to be read does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z")
