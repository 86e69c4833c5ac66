"""The house keeps its shape: sizes, names, one reader of the environment, nothing that speaks of anything but itself."""

import ast
import re
import subprocess
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


@pytest.mark.parametrize("path", HAND_WRITTEN, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_sizes(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MAX_FILE, f"{path} hides something: split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{path}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", HAND_WRITTEN, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no sentence saying what it is"


def test_folders_are_features() -> None:
    assert not {p.name for p in (ROOT / "src" / "headgate").iterdir()} & FORBIDDEN_FOLDERS


def test_one_reader_of_the_environment() -> None:
    readers = {p for p in HAND_WRITTEN if re.search(r"\bos\.environ\b|\bos\.getenv\b", p.read_text())}
    assert {p.name for p in readers} <= ENVIRONMENT_READERS


def test_no_dangerous_calls() -> None:
    for path in HAND_WRITTEN:
        for node in ast.walk(ast.parse(path.read_text())):
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
