"""Places for files that were written elsewhere first: a folder, or a bucket. A name is written whole or not at all."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from headgate.core.secret import Secret
from headgate.observe.archive.config import StoreConfig
from headgate.observe.archive.s3 import Bucket
from headgate.providers.endpoint import credential, endpoint
from headgate.providers.sigv4 import Credentials
from headgate.transport.base import Sender


class PlaceFailed(Exception):
    """The place did not take a file; the text may be shown to administrators. It may be tried again."""


class Place(Protocol):
    """Where files go."""

    async def put(self, name: str, path: Path) -> str:
        """Store the file at *path* as *name*, in place of what has that name; return where it is, for people.

        Raise :class:`PlaceFailed`.
        """
        ...


class Folder:
    """A folder of this machine, or one that is mounted."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, path: Path) -> str:
        """See :class:`Place`."""
        try:
            return str(await asyncio.to_thread(self._put, self._root / name, path))
        except OSError as error:
            raise PlaceFailed(f"{self._root}: {error.strerror or error}") from None

    def _put(self, to: Path, path: Path) -> Path:
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = to.with_name(f".{to.name}.new")
        shutil.copyfile(path, draft)
        draft.chmod(0o600)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.rename(to)
        return to


class InBucket:
    """A bucket, below a prefix."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix

    async def put(self, name: str, path: Path) -> str:
        """See :class:`Place`."""
        key = f"{self._prefix}/{name}" if self._prefix else name
        try:
            await self._bucket.put(key, path)
        except OSError as error:
            raise PlaceFailed(str(error)) from None
        return f"s3://{self._bucket.name}/{key}"


def place(config: StoreConfig, environ: Mapping[str, str], sender: Sender) -> Place:
    """Return the place that *config* describes; raise ``ValueError`` for one without credentials."""
    if not config.bucket:
        return Folder(Path(config.to))
    secret = config.secret_access_key or _secret(environ, "AWS_SECRET_ACCESS_KEY")
    key = config.access_key_id or environ.get("AWS_ACCESS_KEY_ID")
    token = config.session_token or (_secret(environ, "AWS_SESSION_TOKEN") if config.access_key_id is None else None)
    if not key or secret is None:
        raise ValueError("the store has no credentials: set access_key_id and secret_access_key, or AWS_ACCESS_KEY_ID")
    for one in (Secret(key), secret, token):
        credential(one)
    if config.endpoint is not None:
        at, root = endpoint(config.endpoint), f"/{config.bucket}"
    elif "." in config.bucket:  # a certificate covers one level of names
        at, root = endpoint(f"https://s3.{config.region}.amazonaws.com"), f"/{config.bucket}"
    else:
        at, root = endpoint(f"https://{config.bucket}.s3.{config.region}.amazonaws.com"), ""
    return InBucket(
        Bucket(config.bucket, at, root, config.region, Credentials(key, secret, token), sender), config.prefix
    )


def _secret(environ: Mapping[str, str], name: str) -> Secret | None:
    value = environ.get(name, "").strip()
    return Secret(value) if value else None
