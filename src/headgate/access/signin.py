"""Signing in with a password, and choosing one. Who it was that failed, and why, cannot be told by words or by time."""

import logging
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from headgate.access.bad import network_of
from headgate.access.keys import Derived
from headgate.access.passwords import Checked, Passwords, weakness
from headgate.access.sessions import Came, acted
from headgate.access.throttle import Counts, Throttle
from headgate.access.tokens import digest_of, held_digest
from headgate.core.errors import BadRequest, NotAuthenticated
from headgate.core.ids import now
from headgate.core.secret import Secret
from headgate.storage.audit_rows import AuditEntry
from headgate.storage.entry_rows import EntryReader, Person

if TYPE_CHECKING:
    from headgate.storage.entry import EntryStore

ACCOUNT_TRIES, ADDRESS_TRIES = 10, 50
"""Failures in a quarter of an hour after which nothing more is checked."""
RESET_LIFE = 24 * 3600 * 1_000_000
RESET_PREFIX = "hgp_"
WRONG = "Incorrect e-mail address or password."

log = logging.getLogger("headgate.access")


class Wrong(NotAuthenticated):
    """401: this address with this password lets nobody in."""

    code = "invalid_credentials"

    def __init__(self, message: str = WRONG) -> None:
        super().__init__(message)


class SignIn:
    """Checks and sets passwords."""

    def __init__(
        self,
        reader: EntryReader,
        store: "EntryStore",
        derived: Derived,
        passwords: Passwords,
        counts: Callable[[str], Counts],
    ) -> None:
        """*counts* makes what counts failures of one kind of names, which a letter stands for."""
        self._reader = reader
        self._store = store
        self._derived = derived
        self._passwords = passwords
        self._accounts = Throttle(ACCOUNT_TRIES, counts("a"))
        self._addresses = Throttle(ADDRESS_TRIES, counts("n"))

    async def person(self, email: str, password: Secret, tenant_id: str | None, came: Came) -> Person:
        """Return whom *email* and *password* stand for. Raise :class:`Wrong`, or ``RateLimited`` after many failures.

        *tenant_id* is needed where the address has the same password in more than one: another tenant's administrator
        who makes a user of the address keeps nobody out.
        """
        email = email.strip().lower()
        account, network = digest_of((email,)).hex(), network_of(came.address)
        await self._accounts.check(account)
        await self._addresses.check(network)
        right: list[tuple[Person, Checked]] = []
        found: Sequence[Person | None] = await self._reader.people(email, tenant_id) or [None]  # nobody takes as long
        for one in found:
            checked = await self._passwords.check(one.password_hash if one is not None else None, password)
            if one is not None and checked.right and one.is_active:
                right.append((one, checked))
        if len(right) != 1:
            log.info("refused to sign in account %s from %s", account[:8], came.address)
            await self._accounts.count(account)
            await self._addresses.count(network)
            raise Wrong
        [(person, checked)] = right
        await self._accounts.check(account)
        await self._accounts.forget(account)
        if checked.outdated and person.password_hash is not None:
            fresh = await self._passwords.hash(password)
            await self._store.rehash(person.tenant_id, person.id, person.password_hash, fresh)
        return person

    async def change(self, person: Person, present: Secret, new: Secret, came: Came) -> None:
        """Give *person*, who knows the *present* password, a *new* one. Every session of his ends."""
        await self.person(person.email, present, person.tenant_id, came)
        await self._set(person, new, acted(person, "users:password", "user", person.id, came))

    async def redeem(self, token: Secret, new: Secret, came: Came) -> Person:
        """Give the user that *token* was made for a *new* password; the token is then used up.

        Raise ``BadRequest`` ``weak_password``, which leaves the token good, and :class:`Wrong`.
        """
        network = network_of(came.address)
        await self._addresses.check(network)
        user_id = token.reveal().removeprefix(RESET_PREFIX).partition(".")[0]
        person = await self._reader.person(user_id) if len(user_id) <= 64 else None
        if person is not None and person.is_active:
            entry = acted(person, "users:password", "user", person.id, came)
            if await self._set(person, new, entry, reset=held_digest(token, self._derived)):
                return person
        await self._addresses.count(network)
        raise Wrong("This token is unknown, used up or expired. Ask an administrator for another.")

    async def offer(self, person: Person, entry: AuditEntry) -> tuple[Secret, int]:
        """Return a token that sets *person*'s password once, and until when (microseconds since 1970)."""
        token, until = Secret(f"{RESET_PREFIX}{person.id}.{secrets.token_urlsafe(32)}"), now() + RESET_LIFE
        await self._store.offer_reset(person.tenant_id, person.id, held_digest(token, self._derived), until, entry)
        return token, until

    async def _set(self, person: Person, new: Secret, entry: AuditEntry, reset: bytes | None = None) -> bool:
        why = weakness(new.reveal(), person.email, person.name)
        if why is not None:
            raise BadRequest(f"The password {why}.", code="weak_password", param="new_password")
        hashed = await self._passwords.hash(new)
        return await self._store.set_password(person.tenant_id, person.id, hashed, entry, reset=reset)
