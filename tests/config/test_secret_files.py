"""Secrets that stand in files of their own."""

import asyncio
from pathlib import Path

import pytest

from headgate.config import ConfigError
from headgate.config.load import loads
from headgate.config.watch import Watcher
from tests.config.conftest import KNOWN


def text(*keys: Path | str) -> bytes:
    return "\n".join(
        ["providers:", "  p:", "    kind: openai-compatible", "    base_url: http://127.0.0.1:9/v1", "    api_keys:"]
        + [f"      - 'file:{key}'" for key in keys]
        + [""]
    ).encode()


def test_a_secret_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("sk-in-a-file\n")
    files: set[Path] = set()
    config = loads(text(tmp_path / "one"), {}, KNOWN, files=files)
    assert [key.reveal() for key in config.providers["p"].api_keys] == ["sk-in-a-file"]
    assert files == {tmp_path / "one"}


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"", "is empty"), (b"\xff\xfe", "not UTF-8"), (b"x" * 70_000, "larger than")],
)
def test_what_is_wrong_with_a_file_is_told_and_not_what_it_holds(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "one").write_bytes(content)
    with pytest.raises(ConfigError, match=words) as refused:
        loads(text(tmp_path / "one"), {}, KNOWN)
    assert "xxxx" not in str(refused.value)
    with pytest.raises(ConfigError, match="takes a whole path"):
        loads(text("relative/path"), {}, KNOWN)
    with pytest.raises(ConfigError, match="takes a whole path"):
        loads(text("~nobody-is-called-so/key"), {}, KNOWN)


async def test_a_new_secret_in_the_file_is_a_new_configuration(tmp_path: Path) -> None:
    secret, path = tmp_path / "one", tmp_path / "headgate.yaml"
    secret.write_text("sk-old")
    path.write_bytes(text(secret))
    files: set[Path] = set()
    taken: list[str] = []
    first = loads(path.read_bytes(), {}, KNOWN, files=files)
    watcher = Watcher(
        path,
        lambda data: loads(data, {}, KNOWN, files=files),
        lambda config: taken.append(config.providers["p"].api_keys[0].reveal()),
        seen=path.read_bytes(),
        beside=lambda: files,
        interval=0.01,
        settle=0.01,
    )
    assert first.providers["p"].api_keys[0].reveal() == "sk-old"
    running = asyncio.create_task(watcher.run())
    await asyncio.sleep(0.1)
    assert taken == []
    secret.write_text("sk-new")
    async with asyncio.timeout(10):
        while taken != ["sk-new"]:
            await asyncio.sleep(0.02)
    secret.unlink()
    async with asyncio.timeout(10):
        while not watcher.problems:
            await asyncio.sleep(0.02)
    secret.write_text("sk-newest")
    async with asyncio.timeout(10):
        while taken[-1] != "sk-newest":
            await asyncio.sleep(0.02)
    assert not watcher.problems
    running.cancel()
