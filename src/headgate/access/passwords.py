"""Passwords: argon2id (RFC 9106), a few at a time, off the event loop; and which ones are too easily guessed."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec

from headgate.core.errors import Unavailable
from headgate.core.secret import Secret

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")

MIN_LENGTH, MAX_LENGTH = 12, 256
MIN_DIFFERENT = 6
THREADS = 2
MAX_WAITING = 64
GUESSED_FIRST = (
    "password", "passwort", "passw0rd", "p@ssw0rd", "qwertyuiop", "qwerty", "azerty", "1234567890", "123456789012",
    "iloveyou", "letmein", "welcome", "changeme", "change-me", "administrator", "admin", "headgate", "default",
    "correcthorsebatterystaple", "abcdefghijkl", "trustno1", "football", "baseball", "superman", "monkey", "dragon",
)  # fmt: skip


class Cost(msgspec.Struct, frozen=True):
    """What one hash takes. The default is RFC 9106's second recommendation: 64 MiB, 3 passes, 4 lanes."""

    passes: int = 3
    memory: int = 64 * 1024
    """KiB."""
    lanes: int = 4


class Checked(msgspec.Struct, frozen=True):
    """Whether a password is the right one, and whether its hash was made at another cost than today's."""

    right: bool
    outdated: bool = False


class Passwords:
    """Hashes and checks. At most two at a time: each takes 64 MiB; who finds 64 in line is told to come again."""

    def __init__(self, cost: Cost = Cost()) -> None:
        self._cost = cost
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: Secret) -> str:
        """Return what is stored of *password*: algorithm, cost, salt and hash."""
        return await self._run(lambda: self._hasher().hash(encoded(password)))

    async def check(self, stored: str | None, password: Secret) -> Checked:
        """Compare *password* with its hash. Without one (nobody has the name, or no password) it takes as long."""
        return await self._run(lambda: self._check(stored, encoded(password)))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)

    def _check(self, stored: str | None, password: bytes) -> Checked:
        from argon2.exceptions import InvalidHashError, VerificationError

        hasher = self._hasher()
        if self._nobodys is None:
            self._nobodys = hasher.hash("a password that nobody has")
        try:
            hasher.verify(stored or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return Checked(right=False)
        return Checked(right=stored is not None, outdated=stored is not None and hasher.check_needs_rehash(stored))

    def _hasher(self) -> "PasswordHasher":
        from argon2 import PasswordHasher

        return PasswordHasher(self._cost.passes, self._cost.memory, self._cost.lanes)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Too many people are signing in at this moment. Try again.", code="auth_unavailable")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def encoded(password: Secret) -> bytes:
    """Return the bytes that are hashed: no text that JSON can carry is without them."""
    return password.reveal()[:MAX_LENGTH].encode("utf-8", "surrogatepass")


def weakness(password: str, *words: str) -> str | None:
    """Say why *password* is too easily guessed, or return ``None``. *words* are its owner's: e-mail address, name."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"
    lowered = password.lower()
    if len(set(lowered)) < MIN_DIFFERENT:
        return "repeats the same few characters"
    own = [part for word in words for part in word.lower().replace("@", " ").split() if len(part) > 3]
    rest = lowered
    for word in (*own, *GUESSED_FIRST):
        rest = rest.replace(word, "")
    if len(rest) < MIN_LENGTH // 2:
        return "is a well-known one, or made of its owner's name"
    return None
