"""A server that speaks a wire format of its own at fixed paths and takes a bearer token, if any."""

from collections.abc import Mapping

import msgspec

from headgate.dialects.base import Dialect
from headgate.providers.base import Operation, ProviderConfig
from headgate.providers.catalog import Row
from headgate.providers.compatible import ACCEPT, common, locate, posted
from headgate.providers.endpoint import Endpoint, fields, render
from headgate.providers.fixed import Fixed
from headgate.transport.base import Sender

Dialects = Mapping[Operation, tuple[Dialect, ...]]


class Native(Fixed):
    """An account at a server whose dialects name their whole paths."""

    __slots__ = ()

    def __init__(
        self,
        name: str,
        config: ProviderConfig,
        known: Row,
        sender: Sender,
        dialects: Dialects,
        *,
        models: str,
        versions: tuple[str, ...],
    ) -> None:
        """Render every header once; raise ``ValueError`` for what cannot be sent.

        *models* is the path that lists the models. *versions* are ends of a base URL that the dialects' paths begin
        with: many people write them all the same.
        """
        at = without(locate(config, known), versions)
        lines = common(config, known)
        super().__init__(name, config.kind, sender, at, lines, known.forwards(), dialects)
        self._heads["models"] = render("GET", at, models, fields(ACCEPT, lines))
        for operation, spoken in dialects.items():
            self._heads[operation] = render("POST", at, spoken[0].path, posted(lines))


def without(at: Endpoint, versions: tuple[str, ...]) -> Endpoint:
    """Return *at* without one of *versions* at the end of its path."""
    for end in versions:
        if at.path.endswith(end):
            return msgspec.structs.replace(at, path=at.path.removesuffix(end))
    return at
