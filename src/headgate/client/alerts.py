"""The calls of the client that are about alerts, and about what people think of answers."""

from typing import Any
from urllib.parse import quote

from headgate.client.routes import Calls

Json = dict[str, Any]


class AlertCalls:
    """Methods of ``Admin``; they raise ``ApiError``. Answers are the API's."""

    def alerts(self: Calls, **query: Any) -> list[Json]:
        """Return a page of alerts, the one that changed last first. *query*: ``state``, ``after``, ``limit``."""
        listed: list[Json] = self._get("/alerts", Json, **query)["data"]
        return listed

    def alert_history(self: Calls, id: str) -> list[Json]:
        """Return what befell an alert, latest first."""
        listed: list[Json] = self._get(f"/alerts/{_in(id)}/history", Json)["data"]
        return listed

    def acknowledge(self: Calls, id: str) -> Json:
        """Say that somebody sees to an alert."""
        return self._send("POST", f"/alerts/{_in(id)}/ack", Json)

    def silence(self: Calls, id: str, until: str | None) -> Json:
        """Have nobody told of an alert before *until* (RFC 3339); ``None`` has it told again."""
        return self._send("POST", f"/alerts/{_in(id)}/silence", Json, {"until": until})

    def try_rule(self: Calls, name: str) -> list[str]:
        """Send a test to whom a rule tells; return the ids of the messages."""
        sent: list[str] = self._send("POST", f"/alert-rules/{_in(name)}/test", Json)["message_ids"]
        return sent

    def messages(self: Calls, **query: Any) -> list[Json]:
        """Return a page of messages to channels and what became of them, latest first: ``before``, ``limit``."""
        listed: list[Json] = self._get("/messages", Json, **query)["data"]
        return listed

    def alert_kinds(self: Calls) -> Json:
        """Return the kinds of rule, and the rules that are shipped."""
        return self._get("/alert-kinds", Json)

    def doctor(self: Calls) -> list[Json]:
        """Return what is right and wrong with the gateway: ``check``, ``state``, ``words`` and what to ``do``."""
        listed: list[Json] = self._get("/doctor", Json)["data"]
        return listed

    def rate(self: Calls, request_id: str, **said: Any) -> Json:
        """Say what one thinks of an answer: ``score`` (0 to 1), ``thumbs`` (up, down), ``comment``, ``correction``;
        ``by`` is whom one says it for."""
        return self._send("POST", "/feedback", Json, {"request_id": request_id, **said})

    def feedback(self: Calls, **query: Any) -> list[Json]:
        """Return a page of what was said, latest first. *query* are the API's filters, ``after`` and ``limit``."""
        listed: list[Json] = self._get("/feedback", Json, **query)["data"]
        return listed

    def opinions(self: Calls, by: str = "model", **query: Any) -> list[Json]:
        """Return what was thought of answers by ``model``, ``route`` or ``prompt``, with 95 percent intervals."""
        listed: list[Json] = self._get("/feedback/analysis", Json, by=by, **query)["data"]
        return listed


def _in(word: str) -> str:
    return quote(word, safe="")
