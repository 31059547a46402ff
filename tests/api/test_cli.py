"""The operator's commands: what they print, and that every trouble is a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import __version__

MAIL = b"From: lucie@home.example\r\nSubject: Kettle\r\nMessage-ID: <1@home.example>\r\n\r\nIt drips.\r\n"


class Shell:
    """A shell in which `comptoir` works on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("COMPTOIR_", "TWILIO_"))}
        return subprocess.run(
            [sys.executable, "-m", "api.embedded", *words],
            env={**clean, "COMPTOIR_DATA_DIR": str(self.folder), **variables},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def says(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def complains(self, *words: str, **variables: str) -> str:
        done = self.run(*words, **variables)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell at a desk that is set up, with the demonstration."""
    shell = Shell(tmp_path_factory.mktemp("desk"))
    assert "migrated from nothing" in shell.says("init", "--demo")
    return shell


def test_an_agent_gets_an_id_and_a_token_is_printed_alone(shell: Shell) -> None:
    agent_id = shell.says("agent", "create", "Zoe@Desk.example", "--name", "Zoé", "--role", "supervisor")
    secret = shell.says("token", "create", "--agent", "zoe@desk.example", "--name", "laptop", "--expires-in", "30")

    assert int(agent_id) > 0
    assert secret.startswith("cpt_")
    assert len(secret.split()) == 1


def test_a_second_agent_with_the_same_address_is_refused_in_a_sentence(shell: Shell) -> None:
    shell.says("agent", "create", "yan@desk.example", "--name", "Yan")

    assert "an agent with the address" in shell.complains("agent", "create", "YAN@desk.example", "--name", "Y")


def test_a_token_for_nobody_and_a_scope_that_does_not_exist_are_refused(shell: Shell) -> None:
    assert "no agent with the address" in shell.complains("token", "create", "--agent", "x@y.example", "--name", "t")
    assert "there is no scope" in shell.complains(
        "token", "create", "--agent", "ada@demo.example", "--name", "t", "--scope", "everything"
    )


def test_initialising_again_is_harmless(shell: Shell) -> None:
    assert "is at" in shell.says("init")


def test_inboxes_are_made_listed_and_have_a_secret_that_can_be_changed(shell: Shell) -> None:
    shell.says("inbox", "create", "email", "Sales@Desk.example", "--name", "Sales", "--queue", "Support")

    first, second = (
        shell.says("inbox", "secret", "sales@desk.example"),
        shell.says("inbox", "secret", "sales@desk.example"),
    )
    changed = shell.says("inbox", "secret", "sales@desk.example", "--new")

    assert "sales@desk.example" in shell.says("inbox", "list")
    assert first == second != changed
    assert "no inbox" in shell.complains("inbox", "secret", "nobody@desk.example")


def test_keys_that_sign_mail_are_made_listed_and_taken_away(shell: Shell) -> None:
    record = shell.says("dkim", "create", "Kettle.example", "--selector", "2026-11")
    listed = shell.says("dkim", "list")
    shell.says("dkim", "remove", "kettle.example")
    missing = shell.complains("dkim", "check", "kettle.example")

    assert record.startswith('2026-11._domainkey.kettle.example. IN TXT ( "v=DKIM1; k=rsa; p=MII')
    assert listed.split()[:2] == ["kettle.example", "2026-11"]
    assert "there is no signing key for kettle.example" in missing


def test_a_mail_is_explained_as_json_and_a_missing_file_is_an_answer(shell: Shell, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(MAIL)

    lines = shell.says("inbound", "parse", "--jsonl", str(mail), str(tmp_path / "none.eml")).splitlines()

    found, missing = (json.loads(line) for line in lines)
    assert (found["error"], found["subject"], found["text"].strip()) == (None, "Kettle", "It drips.")
    assert found["from"] == {"name": "", "address": "lucie@home.example"}
    assert "No such file" in missing["error"]


def test_an_unknown_item_cannot_be_shown_or_replayed(shell: Shell) -> None:
    assert "there is no inbound item 99" in shell.complains("inbound", "show", "99")
    assert "there is no inbound item 99" in shell.complains("inbound", "replay", "99")


def test_a_wrong_setting_is_a_sentence_that_names_it(shell: Shell) -> None:
    assert "COMPTOIR_PORT" in shell.complains("agent", "create", "a@b.example", "--name", "A", COMPTOIR_PORT="http")
    assert "TWILIO_AUTH_TOKEN" in shell.complains("init", TWILIO_ACCOUNT_SID="AC1", COMPTOIR_SANDBOX="off")


def test_a_store_that_was_never_set_up_says_what_to_do(tmp_path: Path) -> None:
    assert "comptoir init" in Shell(tmp_path).complains("agent", "create", "a@b.example", "--name", "A")


def test_the_version_is_told(shell: Shell) -> None:
    assert __version__ in shell.says("--version")
