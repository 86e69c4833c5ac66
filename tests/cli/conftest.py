import shutil

import pytest
from click.testing import CliRunner, Result

from headgate.cli import group


class Cli:
    """The command line in this process, on a home of its own."""

    def __init__(self, home) -> None:
        self.home = home

    def __call__(self, *words: str, code: int = 0, env: dict[str, str] | None = None, **options) -> Result:
        own = {"HEADGATE_HOME": str(self.home), **(env or {})}
        result = CliRunner().invoke(group, list(words), env=own, **options)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """On a home that is not there yet."""
    monkeypatch.chdir(tmp_path)
    return Cli(tmp_path / "home")


@pytest.fixture
def cli(bare, template):
    """On a home whose database has its tables: making them takes longer than most commands, too."""
    bare.home.mkdir(mode=0o700)
    shutil.copy(template, bare.home / "headgate.db")
    return bare
