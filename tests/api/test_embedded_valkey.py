"""The embedded Valkey keeps what it was told, and a data folder never has two of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from api.embedded import valkey
from api.embedded.orphans import ends_with_parent


class Server:
    """A Valkey's process, without a supervisor."""

    def __init__(self, own: valkey.Valkey) -> None:
        part = own.part
        self.process = subprocess.Popen(
            part.argv,
            cwd=part.cwd,
            env={**os.environ, **part.env},
            pass_fds=part.pass_fds,
            preexec_fn=ends_with_parent(),
        )
        patient_until = time.monotonic() + 60
        while not own.answers() and self.process.poll() is None:
            assert time.monotonic() < patient_until, "Valkey does not answer"
            time.sleep(0.01)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def put(own: valkey.Valkey, name: str, value: str) -> None:
    with Redis.from_url(own.url) as client:
        client.set(name, value)


def get(own: valkey.Valkey, name: str) -> bytes | None:
    with Redis.from_url(own.url) as client:
        return client.get(name)


def test_what_was_written_survives_being_killed(tmp_path):
    with valkey.in_folder(tmp_path) as own:
        with Server(own):
            put(own, "job", "1")
        with Server(own):
            assert get(own, "job") == b"1"


def test_it_survives_a_new_start_too(tmp_path):
    with valkey.in_folder(tmp_path) as own, Server(own):
        put(own, "job", "1")

    with valkey.in_folder(tmp_path) as own, Server(own):
        assert get(own, "job") == b"1"


def test_it_works_in_a_folder_with_spaces_under_an_unknown_locale(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")

    with valkey.in_folder(tmp_path / "my data") as own, Server(own):
        assert own.answers()


def test_only_who_knows_the_password_gets_in(tmp_path):
    with valkey.in_folder(tmp_path) as own, Server(own):
        stranger = Redis(port=own.port, protocol=2)
        with stranger, pytest.raises(Exception, match="Authentication required"):
            stranger.ping()
        assert (tmp_path / valkey.CONFIG_FILE).stat().st_mode & 0o077 == 0
        assert own.password not in Path(f"/proc/{os.getpid()}/cmdline").read_text()


def test_a_server_that_outlived_its_parent_is_ended_before_the_next_one(tmp_path):
    left_behind = leave_one_behind(tmp_path)

    with valkey.in_folder(tmp_path) as own, Server(own):
        assert get(own, "job") == b"1"
    assert not Path(f"/proc/{left_behind}/exe").exists()


def test_a_server_that_does_not_end_keeps_the_next_one_away(tmp_path, monkeypatch):
    left_behind = leave_one_behind(tmp_path)
    os.kill(left_behind, signal.SIGSTOP)
    monkeypatch.setattr(valkey, "PATIENCE", 0.3)

    try:
        with pytest.raises(Exception, match="an earlier Valkey still uses"), valkey.in_folder(tmp_path):
            pass
    finally:
        os.kill(left_behind, signal.SIGKILL)


def test_a_store_that_it_refuses_can_be_set_aside(tmp_path):
    with valkey.in_folder(tmp_path) as own:
        with Server(own):
            put(own, "job", "1")
        for file in (tmp_path / valkey.STORE).glob("*.incr.aof"):
            file.write_bytes(b"*1\r\n$4\r\nnot a store\r\n" * 20)
        with Server(own) as refusing:
            assert refusing.process.poll() == 1

        aside = own.set_store_aside()

        assert list(aside.glob("*.incr.aof"))
        with Server(own):
            assert get(own, "job") is None


def leave_one_behind(folder: Path) -> int:
    """Start a Valkey whose parent ends without it, as where no kernel ties the two together; return its number."""
    program = f"""
import os, subprocess, time
from pathlib import Path
from redis import Redis
from api.embedded import valkey
with valkey.in_folder(Path({str(folder)!r})) as own:
    part = own.part
    process = subprocess.Popen(part.argv, cwd=part.cwd, pass_fds=part.pass_fds, stdout=subprocess.DEVNULL)
    while not own.answers():
        time.sleep(0.01)
    Redis.from_url(own.url).set("job", "1")
    print(process.pid, flush=True)
    os._exit(0)
"""
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return int(told.stdout)
