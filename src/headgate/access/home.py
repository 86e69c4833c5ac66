"""The home directory and its one secret, from which every digest and signature of the installation derives.

``secrets.json`` holds the secret key, or, where the environment brings it, only a check value: a wrong key must be
noticed before it makes every stored digest useless. Whatever is not as it should be stops the start; nothing is mended.
Encryption keys that were made later, to seal under from then on, stand there too.
"""

import base64
import fcntl
import hmac
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec

from headgate.access.keys import Derived, derive
from headgate.core.ids import new_id
from headgate.storage.types import StorageRefused

SECRETS = "secrets.json"
NODE = "node"
KEY_BYTES = 32


class KeptKey(msgspec.Struct, frozen=True):
    """An encryption key of the home."""

    id: str
    key: str
    """32 bytes in base64."""

    def __repr__(self) -> str:
        return f"KeptKey({self.id!r}, '***')"


class Secrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """What ``secrets.json`` says: the key in base64, or a value that only the right key gives."""

    secret_key: str | None = None
    check: str | None = None
    encryption_keys: tuple[KeptKey, ...] = ()
    """Those that were made since, the latest last."""

    def __repr__(self) -> str:
        return "Secrets(***)"


class Home(msgspec.Struct, frozen=True):
    """An opened home."""

    path: Path
    derived: Derived
    created: bool
    """Whether the secret was made just now: nothing that was signed or digested before can be read any more."""
    node: str = ""
    """Its own name among the homes that share a database."""


def open_home(path: Path, secret_key: bytes | None = None, fits: Callable[[Home], object] = lambda home: None) -> Home:
    """Return the home at *path*, made where it is absent. *secret_key* (32 bytes) takes the place of the stored one.

    Where there is no secrets file yet, *fits* sees the home that would be made and raises where it must not be: then
    nothing is written. Raise :class:`StorageRefused`, naming the path, where the directory or the secrets file cannot
    be used or the file is open to others, and where *secret_key* is not the one that this home was made with.
    """
    try:
        file = path / SECRETS
        stored = _read(file) if file.exists() else None
        created = stored is None
        if stored is None:
            made = _made(secret_key)
            try:
                fits(Home(path, derive(_agree(file, made, secret_key)), created=True))
            except StorageRefused:
                if not file.exists():  # or another process was faster, and the database knows the secret of that one
                    raise
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            stored = _create(file, made)
        node = _named(path / NODE)
    except OSError as error:
        where = os.fsdecode(error.filename) if error.filename else str(path)
        raise StorageRefused(where, f"cannot be used: {error.strerror}.") from None
    return Home(path, derive(_agree(file, stored, secret_key)), created, node)


def kept_keys(path: Path) -> list[tuple[str, bytes]]:
    """Return the ids and encryption keys that were made in the home at *path*, the latest first.

    Raise :class:`StorageRefused` where the secrets file cannot be used.
    """
    file = path / SECRETS
    try:
        found = [(kept.id, base64.b64decode(kept.key, validate=True)) for kept in _read(file).encryption_keys]
    except OSError as error:
        raise StorageRefused(str(file), f"cannot be read: {error.strerror}.") from None
    except ValueError:
        found = [("", b"")]
    if any(len(key) != KEY_BYTES for _, key in found):
        raise StorageRefused(str(file), "holds an encryption key that is none. Restore it from a copy.")
    return found[::-1]


def add_key(path: Path, id: str) -> None:
    """Make an encryption key called *id* in the home at *path*; it is on the disk before anything is sealed under it.

    Raise :class:`StorageRefused` where the secrets file cannot be used.
    """
    file = path / SECRETS
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of two at once, neither must lose the other's key
            before = _read(file)
            made = KeptKey(id, _text(secrets.token_bytes(KEY_BYTES)))
            draft = _draft(file, msgspec.structs.replace(before, encryption_keys=(*before.encryption_keys, made)))
            os.replace(draft, file)
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageRefused(str(file), f"cannot be written: {error.strerror}.") from None


def _read(file: Path) -> Secrets:
    with file.open("rb") as opened:
        found = os.fstat(opened.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise StorageRefused(str(file), "is not a regular file.")
        if found.st_uid != os.geteuid():
            raise StorageRefused(
                str(file), f"belongs to user {found.st_uid}, but this process is user {os.geteuid()}: chown it."
            )
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise StorageRefused(str(file), f"is open to other users (mode {mode:04o}): chmod 600 it.")
        data = opened.read(10_000)
    try:
        return msgspec.json.decode(data, type=Secrets)
    except msgspec.MsgspecError:
        raise StorageRefused(str(file), "does not hold what it should. Restore it from a copy.") from None


def _made(given: bytes | None) -> Secrets:
    return Secrets(check=_check(given)) if given else Secrets(secret_key=_text(secrets.token_bytes(KEY_BYTES)))


def _create(file: Path, made: Secrets) -> Secrets:
    """Write a new secrets file, unless another process was faster: then return what that one wrote."""
    draft = _draft(file, made)
    try:
        os.link(draft, file)  # a whole file or none, and never over another
    except FileExistsError:
        return _read(file)
    finally:
        os.unlink(draft)
    return made


def _draft(file: Path, content: Secrets) -> Path:
    """Return a file beside *file* that is on the disk with *content*."""
    draft = file.with_name(f".{SECRETS}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as opened:
            opened.write(msgspec.json.encode(content) + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except BaseException:
        os.unlink(draft)
        raise
    return draft


def _named(file: Path) -> str:
    """Return the name in *file*, made where there is none."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        draft = file.with_name(f".{NODE}.{new_id()}")
        draft.write_text(new_id() + "\n")
        try:
            os.link(draft, file)  # who is a moment later takes the first one's
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return file.read_text().strip()


def _agree(file: Path, stored: Secrets, given: bytes | None) -> bytes:
    if stored.secret_key is not None:
        try:
            own = base64.b64decode(stored.secret_key, validate=True)
        except ValueError:
            own = b""
        if len(own) != KEY_BYTES:
            raise StorageRefused(str(file), "holds no usable secret key. Restore it from a copy.")
        if given is not None and not hmac.compare_digest(own, given):
            raise StorageRefused(str(file), "holds another secret key than HEADGATE_SECRET_KEY. Use the same one.")
        return own
    if given is None:
        raise StorageRefused(str(file), "was made with HEADGATE_SECRET_KEY set. Set it again, to the same value.")
    if not hmac.compare_digest(stored.check or "", _check(given)):
        raise StorageRefused(str(file), "was made with another HEADGATE_SECRET_KEY. Use that one.")
    return given


def _check(key: bytes) -> str:
    return hmac.digest(key, b"headgate/check\x01", "sha256").hex()


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
