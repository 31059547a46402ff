"""The layers hold, and what an architecture promises besides is so."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

from api.reactions import AFTERWARDS, AT_ONCE
from sla.life import OBSERVED
from ticketing.events import Event

ROOT = Path(__file__).parent.parent
PACKAGES = ("config", "ticketing", "channels", "sla", "api")
# Who may ask what time it is; the sandbox plays the world outside.
ENTRY_POINTS = ("api", "channels/email/mail_intake.py", "channels/sandbox", "ticketing/moment.py")


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def test_every_contract_between_the_layers_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert len(read_configuration("setup.cfg")["contracts_options"]) == 3
    assert lint_imports(config_filename="setup.cfg", no_cache=True) == 0


def test_whatever_follows_at_once_from_an_entry_for_the_clocks_is_in_the_table() -> None:
    assert set(AT_ONCE) >= set(OBSERVED)


def test_every_kind_of_entry_can_be_read_again() -> None:
    assert set(AT_ONCE) | set(AFTERWARDS) <= set(Event.kinds.values())


def test_only_entry_points_ask_what_time_it_is() -> None:
    asking = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"utc_now", "datetime.now", "datetime.utcnow"}
    }

    assert {path for path in asking if not path.startswith(ENTRY_POINTS)} == set()


def test_nothing_of_ours_imports_gevent() -> None:
    importing = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "gevent" in ast.unparse(node)
    }

    assert importing == set()
