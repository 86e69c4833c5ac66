"""The scripts that write the shipped data, on small input."""

import base64
import runpy
from pathlib import Path

import pytest

from headgate.models import tokens

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


def test_a_rank_file_survives_packing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [b"a", b"\xff\x00", b"long token", b"\n"]
    text = b"".join(b"%b %d\n" % (base64.b64encode(word), rank) for rank, word in enumerate(words))
    script = runpy.run_path(str(SCRIPTS / "pack_ranks.py"))
    (tmp_path / "small.xz").write_bytes(script["packed"](text))
    monkeypatch.setattr(tokens, "DATA", tmp_path)
    assert list(tokens.vocabulary("small")) == words


def test_an_unknown_rank_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evil.tiktoken").write_bytes(b"YQ== 0\n")
    with pytest.raises(SystemExit, match="not a rank file"):
        runpy.run_path(str(SCRIPTS / "pack_ranks.py"))["main"]([str(tmp_path / "evil.tiktoken")])
