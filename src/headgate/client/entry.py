"""The part of the client that is about signing in: passwords, sessions, identity providers, OAuth2 clients."""

from typing import Any
from urllib.parse import quote

import msgspec

from headgate.client.routes import Calls

Found = dict[str, Any]


class Tokens(msgspec.Struct, frozen=True):
    """What stands for a session."""

    access_token: str
    expires_in: int
    refresh_token: str | None = None


class EntryCalls:
    """Methods of ``Admin``; they raise ``ApiError``."""

    def log_in(self: Calls, email: str, password: str, tenant: str | None = None) -> Tokens:
        """Sign in with a password."""
        body = {"email": email, "password": password} | ({"tenant": tenant} if tenant else {})
        return self._send("POST", "/auth/login", Tokens, body)

    def refresh(self: Calls, refresh_token: str) -> Tokens:
        """Change a refresh token for the next pair; it is good no more."""
        return self._send("POST", "/auth/refresh", Tokens, {"refresh_token": refresh_token})

    def log_out(self: Calls, refresh_token: str) -> None:
        """End the session of a refresh token."""
        self._send("POST", "/auth/logout", type(None), {"refresh_token": refresh_token})

    def who(self: Calls) -> Found:
        """Return who the key or token stands for."""
        return self._get("/auth/me", Found)

    def reset_password(self: Calls, user_id: str) -> Found:
        """Return a ``token`` by which a user chooses a password, once, and when it ends (``expires_at``)."""
        return self._send("POST", f"/users/{quote(user_id, safe='')}/password-reset", Found)

    def choose_password(self: Calls, token: str, password: str) -> None:
        """Set the password of the user whom *token* was made for."""
        self._send("POST", "/auth/password", type(None), {"token": token, "new_password": password})

    def sessions(self: Calls, **filters: Any) -> list[Found]:
        """Return who is signed in."""
        listed: list[Found] = self._get("/sessions", Found, limit=1000, **filters)["data"]
        return listed

    def end_sessions(self: Calls, user_id: str) -> int:
        """End every session of a user; return how many there were."""
        ended: int = self._send("DELETE", f"/users/{quote(user_id, safe='')}/sessions", Found)["sessions"]
        return ended

    def identity_providers(self: Calls) -> list[Found]:
        """Return the tenant's identity providers."""
        listed: list[Found] = self._get("/sso", Found, limit=100)["data"]
        return listed

    def add_identity_provider(self: Calls, **fields: Any) -> Found:
        """Add an identity provider; *fields* are the API's."""
        return self._send("POST", "/sso", Found, fields)

    def change_identity_provider(self: Calls, id: str, **fields: Any) -> Found:
        """Change an identity provider; *fields* are the API's."""
        return self._send("PATCH", f"/sso/{quote(id, safe='')}", Found, fields)

    def remove_identity_provider(self: Calls, id: str) -> Found:
        """Remove an identity provider; the sessions that began there end."""
        return self._send("DELETE", f"/sso/{quote(id, safe='')}", Found)

    def clients(self: Calls) -> list[Found]:
        """Return the OAuth2 clients."""
        listed: list[Found] = self._get("/clients", Found, limit=1000)["data"]
        return listed

    def create_client(self: Calls, name: str, **fields: Any) -> Found:
        """Make an OAuth2 client; its ``client_secret`` is in the answer alone."""
        return self._send("POST", "/clients", Found, {"name": name, **fields})

    def rotate_client(self: Calls, id: str, *, overlap: float = 0) -> Found:
        """Give a client a new secret; the present one stays good for *overlap* seconds."""
        return self._send("POST", f"/clients/{quote(id, safe='')}/rotate", Found, {"overlap": overlap})

    def remove_client(self: Calls, id: str) -> Found:
        """Remove an OAuth2 client."""
        return self._send("DELETE", f"/clients/{quote(id, safe='')}", Found)

    def find_users(self: Calls, email: str) -> list[Found]:
        """Return the users whose e-mail address holds this text."""
        listed: list[Found] = self._get("/users", Found, search=email)["data"]
        return listed
