"""Fixtures of the channels' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from config.settings import Settings
from tests.channels import live_desk


@pytest.fixture
def desk(base_settings: Settings, sqlite_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """A desk with its sandbox that really listens; see tests/channels/live_desk.py."""
    with live_desk.running(base_settings, sqlite_template, tmp_path) as app:
        yield app
