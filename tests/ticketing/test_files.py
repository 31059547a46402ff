"""One contract for every place where files may be kept."""

import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import boto3
import pytest
from flask import Flask
from moto import mock_aws

from config.settings import SettingsError
from ticketing import s3
from ticketing.errors import NotFound, StoreNotReady
from ticketing.files import FileStore, FolderStore, pieces
from ticketing.s3 import bucket_store
from ticketing.transaction import transaction

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials for a bucket that is in this process only."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, aws: None) -> Iterator[FileStore]:
    if request.param == "folder":
        yield FolderStore(tmp_path / "files")
        return
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="desk")
        yield bucket_store("desk", prefix="files/of/ours")


def test_what_is_kept_is_read_again_by_its_digest(store: FileStore) -> None:
    digest = store.keep(b"RIFF")

    assert digest == hashlib.sha256(b"RIFF").hexdigest()
    assert store.read(digest) == b"RIFF"
    assert store.has(digest)
    assert not store.has("0" * 64)


def test_a_file_is_kept_and_read_in_pieces(store: FileStore) -> None:
    content = os.urandom(300_000)

    digest = store.keep_file(BytesIO(content))

    file = store.open(digest)
    assert b"".join(pieces(file)) == content
    file.close()


def test_nothing_can_be_kept_too(store: FileStore) -> None:
    assert store.read(store.keep(b"")) == b""


def test_keeping_a_file_twice_is_keeping_it_once(store: FileStore) -> None:
    assert store.keep(b"RIFF") == store.keep(b"RIFF")
    assert store.read(store.keep(b"RIFF")) == b"RIFF"


def test_what_was_never_kept_is_not_found(store: FileStore) -> None:
    with pytest.raises(NotFound):
        store.read("0" * 64)
    with pytest.raises(NotFound):
        store.open("0" * 64)


def test_a_file_is_removed(store: FileStore) -> None:
    digest = store.keep(b"RIFF")

    assert store.remove(digest, unless_kept_since=TOMORROW)
    with pytest.raises(NotFound):
        store.read(digest)
    assert not store.remove(digest, unless_kept_since=TOMORROW)


def test_a_file_that_was_kept_lately_stays(store: FileStore) -> None:
    digest = store.keep(b"RIFF")

    assert not store.remove(digest, unless_kept_since=LONG_AGO)
    assert store.read(digest) == b"RIFF"


def test_a_removed_file_can_be_kept_again(store: FileStore) -> None:
    digest = store.keep(b"RIFF")
    store.remove(digest, unless_kept_since=TOMORROW)

    store.keep(b"RIFF")

    assert store.read(digest) == b"RIFF"


def test_files_are_kept_before_the_transaction(store: FileStore, sqlite_app: Flask) -> None:
    with pytest.raises(RuntimeError, match="before the transaction"), transaction("test"):
        store.keep(b"RIFF")


def test_keeping_an_old_file_again_makes_it_young(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    digest = store.keep(b"RIFF")
    os.utime(next(tmp_path.rglob(digest)), (0, 0))

    store.keep(b"RIFF")

    assert not store.remove(digest, unless_kept_since=LONG_AGO)


def test_whoever_keeps_a_file_while_it_is_removed_has_it_afterwards(tmp_path: Path) -> None:
    """Old before every round, so that the remover wants it gone; the keeper's row would need it to stay."""
    store = FolderStore(tmp_path)
    digest = store.keep(b"RIFF")
    for _ in range(200):
        path = next(tmp_path.rglob(digest))
        os.utime(path, (0, 0))
        both = threading.Barrier(2)
        remover = threading.Thread(
            target=lambda both=both: (both.wait(), store.remove(digest, unless_kept_since=LONG_AGO))
        )
        remover.start()
        both.wait()
        store.keep(b"RIFF")
        remover.join()

        assert store.read(digest) == b"RIFF"


def test_a_bucket_that_cannot_be_reached_is_said_so(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    store = bucket_store("desk", prefix="")

    with pytest.raises(StoreNotReady, match="cannot be reached"):
        store.read("0" * 64)


def test_a_bucket_that_is_not_there_is_said_so(aws: None) -> None:
    with mock_aws(), pytest.raises(StoreNotReady, match="NoSuchBucket"):
        bucket_store("desk", prefix="").keep(b"RIFF")


def test_without_boto3_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(s3.importlib.import_module("sys").modules, "boto3", None)

    with pytest.raises(SettingsError, match=r"comptoir\[s3\]"):
        bucket_store("desk", prefix="")
