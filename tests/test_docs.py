"""The reference pages are complete: nothing can be met that they do not name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = sorted((ROOT / "src" / "headgate").rglob("*.py"))
PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text()
NAMED = set(re.findall(r"`([a-z][a-z0-9_]*)`", PAGE))
CODE = re.compile(r"[a-z][a-z0-9_]+")


def texts(node: ast.expr | None) -> Iterator[str]:
    """The strings that an expression can be: itself, or either arm of a condition."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from texts(value)


def codes(tree: ast.Module) -> Iterator[str]:
    """Every literal that is given to a ``code``: as an argument, a default, a field of a class or a variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "code":
            yield from texts(node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "code" for target in targets):
                yield from texts(node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args]
            given = zip(arguments[len(arguments) - len(node.args.defaults) :], node.args.defaults, strict=True)
            for argument, default in [*given, *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]:
                if argument.arg == "code":
                    yield from texts(default)


def in_tables(tree: ast.Module) -> Iterator[str]:
    """The codes that stand in tables: mappings and loops whose name says so, and what a function called for one returns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "CODES" for t in node.targets):
            assert isinstance(node.value, ast.Dict)
            for value in node.value.values:
                yield from texts(value)
        elif isinstance(node, ast.FunctionDef) and node.name == "_code":
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return):
                    yield from texts(inner.value)
                elif isinstance(inner, ast.For) and isinstance(inner.iter, ast.Tuple):
                    yield from (
                        t for pair in inner.iter.elts if isinstance(pair, ast.Tuple) for t in texts(pair.elts[-1])
                    )


def test_the_page_of_errors_is_found() -> None:
    assert {"invalid_json", "invalid_api_key", "upstream_timeout"} <= NAMED


def test_every_error_code_is_on_the_page() -> None:
    missing = {}
    for path in SOURCE:
        tree = ast.parse(path.read_text())
        found = {code for code in (*codes(tree), *in_tables(tree)) if CODE.fullmatch(code)}
        if found - NAMED:
            missing[path] = found - NAMED
    assert missing == {}, "docs/reference/errors.md does not name them"


def test_the_page_names_no_code_that_does_not_exist() -> None:
    """A code in the first columns of a table; what comes from elsewhere is marked by ``as sent``."""
    source = "\n".join(path.read_text() for path in SOURCE)
    for row in re.findall(r"^\| [0-9, ]+ \| ([^|]+) \|", PAGE, re.MULTILINE):
        for code in re.findall(r"`([a-z0-9_]+)`", row):
            assert f'"{code}"' in source, f"nothing says {code}"
