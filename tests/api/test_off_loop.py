"""What computes for long holds up no other greenlet, though our code knows nothing of greenlets."""

import subprocess
import sys

import pytest

from api.off_loop import off_loop

UNDER_GEVENT = """
from api.off_loop import off_loop  # before gevent patches, as in api.web_server
from gevent import monkey, sleep, spawn
monkey.patch_all()
import hashlib
import time
beats = []
def beat():
    while True:
        beats.append(1)
        sleep(0.002)
spawn(beat)
sleep(0.01)
work = lambda: hashlib.pbkdf2_hmac("sha256", b"a", b"b", 300_000)
beats.clear()
work()
held_up = len(beats)
patient_until = time.monotonic() + 60
def long_work():
    work()
    while len(beats) < 3 and time.monotonic() < patient_until:
        work()
off_loop(long_work)
print(held_up, len(beats))
"""


def test_others_go_on_while_a_password_is_hashed() -> None:
    told = subprocess.run([sys.executable, "-c", UNDER_GEVENT], capture_output=True, text=True, check=True, timeout=60)

    held_up, went_on = map(int, told.stdout.split())
    assert held_up == 0
    assert went_on >= 3


def test_what_goes_wrong_there_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        off_loop(lambda: 1 / 0)


def test_what_is_found_there_is_returned_here() -> None:
    assert off_loop(lambda: "found") == "found"
