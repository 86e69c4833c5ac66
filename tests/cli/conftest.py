import pytest
from click.testing import CliRunner, Result

from headgate.cli import group


class Cli:
    """The command line in this process, on a home of its own."""

    def __init__(self, home) -> None:
        self.home = home

    def __call__(self, *words: str, code: int = 0, **options) -> Result:
        result = CliRunner().invoke(group, list(words), env={"HEADGATE_HOME": str(self.home)}, **options)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result


@pytest.fixture
def cli(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Cli(tmp_path / "home")
