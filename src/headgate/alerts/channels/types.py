"""What a channel is: it takes messages to people, or to what calls them."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

import msgspec

from headgate.core.secret import Secret


class Failed(Exception):
    """A message was not taken. The words are for administrators; they repeat no secret."""


class ChannelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where messages go. What both settings mean is the kind's to say."""

    kind: str
    """`webhook`, `slack`, `pagerduty` or `email`; or one that a package brings."""
    target: str = ""
    """A webhook's URL, an e-mail address; for `pagerduty`, where another service than PagerDuty's own takes events."""
    secret: Secret | None = None
    """What a webhook is signed with, Slack's URL of the incoming webhook, or PagerDuty's routing key."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One channel, opened."""

    kind: str
    target: str = ""
    secret: Secret | None = None
    trusted: bool = False
    """The operator wrote it into the configuration: it may lead anywhere."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said."""

    id: str
    tenant_id: str
    told: Mapping[str, Any]
    """``event``, ``text``, ``link``; of an alert ``data``, as in :class:`News`; of an invoice ``content``,
    and for people ``html`` and ``files``: text by the name of a file."""
    url: str | None = None
    """The page that the link leads to, where it is known under which name people reach the gateway."""

    @property
    def text(self) -> str:
        """What is said, in a line."""
        return " ".join(str(self.told["text"]).split())


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of an alert."""

    id: str
    key: str
    """The same for as long as it is the same alert: what PagerDuty tells incidents apart by."""
    rule: str
    kind: str
    subject: str
    severity: str
    event: str
    """``fired``, ``reminded``, ``acknowledged``, ``resolved`` or ``test``."""
    text: str
    since: str
    """RFC 3339."""


class Out(Protocol):
    """The ways out."""

    smtp: Secret | None
    """``smtp://user:password@host:587?from=...``, or ``smtps://``."""

    async def post(self, place: Place, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Post *body*; raise :class:`Failed` unless it is taken. A URL that is not trusted is checked anew."""
        ...


class Channel(Protocol):
    """One kind of channel."""

    secrets: ClassVar[bool]
    """It needs ``secret``."""

    def faults(self, target: str) -> Iterator[str]:
        """Yield what is wrong with a target."""
        ...

    def asks(self, place: Place) -> str | None:
        """Return the URL that it posts to, ``None`` where it posts to none."""
        ...

    async def send(self, place: Place, message: Message, out: Out) -> None:
        """Take *message* to *place*; raise :class:`Failed`."""
        ...
