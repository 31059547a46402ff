"""Keep files in an S3 bucket, Amazon's or another make's. Needs the extra `s3`.

Where the bucket is and with what rights follows from AWS's own variables: AWS_ACCESS_KEY_ID, AWS_REGION,
AWS_ENDPOINT_URL_S3, … (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
"""

import hashlib
import importlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from io import BytesIO
from typing import IO, Any

from config.settings import SettingsError
from ticketing.errors import NotFound, StoreNotReady
from ticketing.files import OpenFile, gone, must_be_outside_of_transactions, pieces

PATIENCE = {"connect_timeout": 5, "read_timeout": 30, "retries": {"total_max_attempts": 3, "mode": "standard"}}
MISSING = {"404", "NoSuchKey"}  # HEAD has no body, so that its error is named by its number


class BucketStore:
    """Files as the objects of a bucket, below a prefix. Raises StoreNotReady while the bucket cannot be reached."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def keep(self, content: bytes) -> str:
        return self.keep_file(BytesIO(content))

    def keep_file(self, file: IO[bytes]) -> str:
        """Read the file twice: its name has to be known before its bytes go out."""
        must_be_outside_of_transactions()
        start = file.tell()
        sha256 = hashlib.sha256()
        for piece in pieces(file):
            sha256.update(piece)
        file.seek(start)
        digest = sha256.hexdigest()
        # Also when it is there: that makes it young, and whoever is about to remove it leaves it alone.
        with _reaching(digest):
            self._client.put_object(**self._object(digest), Body=file)
        return digest

    def has(self, digest: str) -> bool:
        try:
            self._kept_at(digest)
        except NotFound:
            return False
        return True

    def open(self, digest: str) -> OpenFile:
        with _reaching(digest):
            found: OpenFile = self._client.get_object(**self._object(digest))["Body"]
        return found

    def read(self, digest: str) -> bytes:
        with closing(self.open(digest)) as file, _reaching(digest):
            return file.read()

    def remove(self, digest: str, *, unless_kept_since: datetime) -> bool:
        # S3 cannot remove an object on condition of its age: between these two calls, some milliseconds, the same file
        # kept again would be lost. A folder has no such gap.
        try:
            kept_at = self._kept_at(digest)
        except NotFound:
            return False
        if kept_at > unless_kept_since:
            return False
        with _reaching(digest):
            self._client.delete_object(**self._object(digest))
        return True

    def _kept_at(self, digest: str) -> datetime:
        with _reaching(digest):
            found: datetime = self._client.head_object(**self._object(digest))["LastModified"]
        return found

    def _object(self, digest: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{digest[:2]}/{digest[2:4]}/{digest}"}


@contextmanager
def _reaching(digest: str) -> Iterator[None]:
    """Put the bucket's troubles into our words."""
    botocore = importlib.import_module("botocore.exceptions")
    try:
        yield
    except botocore.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in MISSING:
            raise gone(digest) from None
        raise StoreNotReady(f"the file store refuses what we ask of it ({code})") from None
    except botocore.BotoCoreError as error:
        raise StoreNotReady(f"the file store cannot be reached ({type(error).__name__})") from None


def bucket_store(bucket: str, *, prefix: str) -> BucketStore:
    """Return the store; nothing is asked of it yet. Raises SettingsError when boto3 or a region is missing."""
    try:
        boto3 = importlib.import_module("boto3")
        botocore = importlib.import_module("botocore")
        config = importlib.import_module("botocore.config").Config(**PATIENCE)
    except ImportError:
        raise SettingsError(
            "COMPTOIR_STORAGE_URL is s3://… and boto3 is not installed: install the extra, `pip install 'comptoir[s3]'`"
        ) from None
    try:
        client = boto3.client("s3", config=config)
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise SettingsError(f"COMPTOIR_STORAGE_URL: {error}") from None
    return BucketStore(client, bucket, prefix)
