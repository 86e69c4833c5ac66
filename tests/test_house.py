"""The house keeps its shape: sizes, names, one reader of the environment, nothing that speaks of anything but itself."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = sorted((ROOT / "src").rglob("*.py"))
HAND_WRITTEN = [p for p in SOURCE if "migrations" not in p.parts]
MAX_FILE, MAX_FUNCTION = 500, 80
FORBIDDEN_FOLDERS = {"utils", "helpers", "managers", "services", "common", "misc"}
# Who may read the environment or files of settings: one place.
ENVIRONMENT_READERS = {"settings.py", "plugins.py"}
FORBIDDEN_WORDS = re.compile(
    r"\b(claude code session|as an ai|co-authored-by|helper agent|pypi\.org|npmjs\.org)\b", re.I
)


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def parsed() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in HAND_WRITTEN}


def test_sizes(parsed: dict[Path, ast.Module]) -> None:
    large = [str(path) for path in HAND_WRITTEN if path.read_text().count("\n") > MAX_FILE]
    for path, tree in parsed.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                large += [f"{path}:{node.lineno} {node.name}: {length} lines"] if length > MAX_FUNCTION else []
    assert large == [], "they hide something: split them"


def test_every_module_says_what_it_is(parsed: dict[Path, ast.Module]) -> None:
    assert [str(path) for path, tree in parsed.items() if not ast.get_docstring(tree)] == []


def test_folders_are_features() -> None:
    assert not {p.name for p in (ROOT / "src" / "headgate").iterdir()} & FORBIDDEN_FOLDERS


def test_one_reader_of_the_environment() -> None:
    readers = {p for p in HAND_WRITTEN if re.search(r"\bos\.environ\b|\bos\.getenv\b", p.read_text())}
    assert {p.name for p in readers} <= ENVIRONMENT_READERS


def test_what_serves_calls_loads_nothing_heavy() -> None:
    """Every worker pays for what it imports, in memory and before its first call: the management side loads late."""
    code = "import sys, headgate.app; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"sqlalchemy", "alembic", "fastapi", "starlette", "pydantic", "click", "httpx", "cryptography", "numpy"}
    assert "headgate.app" in loaded and not heavy & set(loaded)


def test_no_dangerous_calls(parsed: dict[Path, ast.Module]) -> None:
    for path, tree in parsed.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in {"eval", "exec", "yaml.load", "pickle.loads", "os.system"}, f"{path}:{node.lineno}"


def test_the_project_speaks_of_itself_alone() -> None:
    here = Path(__file__)
    for path in tracked():
        if path == here or path.suffix in {".png", ".xz", ".ico"}:
            continue
        found = FORBIDDEN_WORDS.search(path.read_text(errors="replace"))
        assert not found, f"{path}: {found and found[0]!r}"


def test_no_path_outside_the_repository() -> None:
    for path in tracked():
        if path.suffix in {".py", ".md", ".yml", ".yaml", ".toml", ""} and path != Path(__file__):
            text = path.read_text(errors="replace")
            for match in re.finditer(r"\.\./shared/(\w+)", text):
                assert match[1] in {"recorded", "data"} and path.parts[len(ROOT.parts)] in {"tests", "benchmarks"}, path
            assert "/work/" not in text, path
