"""Where links in a text may lead."""

from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import urlsplit

from msgspec import field

from headgate.guardrails import contact
from headgate.guardrails.patterned import Named, Patterned
from headgate.guardrails.scan import NEAR


class Urls(Patterned, frozen=True, kw_only=True):
    """Links by their host. Without any setting every link is found."""

    near: ClassVar[int] = NEAR

    allow: list[str] = field(default_factory=list)
    """Hosts that links may lead to, with everything below them; then all others are found."""
    deny: list[str] = field(default_factory=list)
    """Hosts that links may not lead to, with everything below them; then only these are found."""
    schemes: list[str] = field(default_factory=list)
    """The only schemes that are allowed, such as ``https``."""
    addresses: bool = True
    """Links to bare IP addresses are allowed."""
    images: bool = True
    """Markdown images are allowed. They are fetched without a click, and so can carry a conversation away."""

    def finders(self) -> Named:
        """See ``Patterned``."""
        return (("url", self._urls),)

    def _urls(self, text: str, start: int) -> Iterator[tuple[int, int]]:
        plain = not (self.allow or self.deny or self.schemes or not self.addresses or not self.images)
        for begin, end in contact.urls(text, start):
            if plain or self._bad(text[begin:end]) or (not self.images and _is_image(text, begin)):
                yield begin, end

    def _bad(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").rstrip(".").lower()
        except ValueError:
            return True
        if self.schemes and parts.scheme.lower() not in self.schemes:
            return True
        if not self.addresses and (host.replace(".", "").isdigit() or ":" in host or host.startswith("0x")):
            return True
        if any(_below(host, one) for one in self.deny):
            return True
        return bool(self.allow) and not any(_below(host, one) for one in self.allow)

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        for name in ("allow", "deny"):
            if any("/" in host or not host for host in getattr(self, name)):
                yield name, "takes hosts, such as `example.com`"


def _below(host: str, known: str) -> bool:
    known = known.lower().removeprefix("*.").strip(".")
    return host == known or host.endswith(f".{known}")


def _is_image(text: str, at: int) -> bool:
    before = text[max(at - NEAR, 0) : at]
    opened = before.rfind("](")
    return opened != -1 and before[opened + 2 :].strip(" <") == "" and "![" in before[:opened]
