"""The configuration of a test as the management API has it: a file's text, and what the database has beside it."""

from collections.abc import Sequence
from time import time

from headgate.cli.compiled import NoSenders
from headgate.config.compile import Compiled, Keys, compile_config, refused
from headgate.config.effective import Effective, effective, tried
from headgate.config.types import Config, Known
from headgate.storage.object_rows import ObjectRow, stored_objects


class TestLive:
    """As ``live.Live``, read anew at every look."""

    __test__ = False

    def __init__(self, text: str, known: Known, url: str) -> None:
        self.known = known
        self.url = url
        self.text = ""
        self.revisions: list[tuple[float, Config]] = []
        self.load(text)

    def load(self, text: str) -> None:
        self.text = text
        self.revisions.append((time(), self.effective.config))

    @property
    def effective(self) -> Effective:
        return self._read(stored_objects(self.url))

    @property
    def compiled(self) -> Compiled:
        return self._compiled(self.effective)

    def tried(self, row: ObjectRow) -> Compiled:
        return self._compiled(tried(self.effective, stored_objects(self.url), row, self._read))

    def _read(self, rows: Sequence[ObjectRow], before: Sequence[ObjectRow] = ()) -> Effective:
        return effective(self.text.encode(), {}, self.known, rows, before=before)

    def _compiled(self, effective: Effective) -> Compiled:
        try:
            return compile_config(
                effective.config, {}, NoSenders(), own=effective.own, keys=Keys(awaited=effective.made)
            )
        except ValueError as error:
            raise refused(error, "headgate.yaml") from None
