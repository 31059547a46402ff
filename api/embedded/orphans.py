"""See to it that no process outlives the one that started it, even when that one is killed with -9.

Linux ends the child itself (prctl(2), PR_SET_PDEATHSIG); elsewhere a thread of the child watches its parent.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

SUPERVISOR = "COMPTOIR_SUPERVISOR_PID"  # set by the supervisor for its children, no setting of an operator
_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec, a child should do as little as possible.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def ends_with_parent(signal_number: int = signal.SIGKILL) -> Callable[[], None]:
    """Return what the child must call first, made in the parent before the fork.

    The kernel ties the child to the *thread* that forks, so fork in one that lives as long as the process.
    """
    parent = os.getpid()
    return lambda: end_with(parent, signal_number)


def end_with(parent: int, signal_number: int = signal.SIGKILL) -> None:
    """Have this process end when its parent does; end it now if that has happened already."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def watch_supervisor() -> None:
    """Where the kernel does not do it: end this process once the supervisor that started it is gone."""
    supervisor = os.environ.get(SUPERVISOR, "")
    if _LIBC is None and supervisor.isdecimal():
        threading.Thread(target=_watch, args=(int(supervisor),), name="orphan-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
