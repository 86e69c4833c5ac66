"""Where exports and archives go, as the configuration says."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from headgate.core.secret import Secret

S3 = "s3://"
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
PREFIX = re.compile(r"[A-Za-z0-9._/=-]{0,512}\Z")


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place for files: a folder, or a bucket of S3 or of what speaks like it."""

    to: str
    """`s3://bucket/prefix`, or a folder's whole path."""
    endpoint: str | None = None
    """Of what is not AWS, such as `http://minio:9000`."""
    region: str = "us-east-1"
    access_key_id: str | None = None
    """Without it and its secret, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` of the environment."""
    secret_access_key: Secret | None = None
    session_token: Secret | None = None

    @property
    def bucket(self) -> str:
        """The bucket; empty for a folder."""
        return self.to.removeprefix(S3).partition("/")[0] if self.to.startswith(S3) else ""

    @property
    def prefix(self) -> str:
        """What the names of all files begin with, there; without slashes around it."""
        return self.to.removeprefix(S3).partition("/")[2].strip("/")


class ArchiveConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Finished calls, taken to a store as Parquet, an hour at a time. It needs `pip install 'headgate[archive]'`."""

    to: str
    """One of `observe.stores`."""
    payloads: bool = False
    """Also what was said, as far as it was kept: in clear."""
    after: int = 15
    """Minutes that an hour is given after its end, for calls that come in late."""


def faults(observe: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong in ``stores`` and ``archive`` of the section *observe*: where, and why."""
    stores = observe.get("stores") or {}
    for name, store in stores.items():
        yield from ((("stores", name, *field), fault) for field, fault in _store_faults(store))
    archive = observe.get("archive") or {}
    if archive and archive.get("to") not in stores:
        listed = f"; there are {', '.join(sorted(stores))}" if stores else ": `observe.stores` has none"
        yield ("archive", "to"), f"must be one of the stores{listed}"
    if not 1 <= archive.get("after", 15) <= 1440:
        yield ("archive", "after"), "must be from 1 to 1440 minutes"


def _store_faults(store: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    to = store.get("to", "")
    if to.startswith(S3):
        bucket, _, prefix = to.removeprefix(S3).partition("/")
        if not BUCKET.match(bucket) or ".." in to:
            yield ("to",), "must name a bucket, such as s3://my-logs/headgate"
        elif not PREFIX.match(prefix):
            yield ("to",), "may have letters, digits and ._/=- after the bucket"
    elif not PurePosixPath(to).is_absolute():
        yield ("to",), "must be s3://bucket/prefix or a folder's whole path, such as /var/lib/headgate/archive"
    if (store.get("access_key_id") is None) != (store.get("secret_access_key") is None):
        yield ("access_key_id",), "goes with secret_access_key: write both or none"
