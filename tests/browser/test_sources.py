"""What is made from the API for the dashboard is made from the API as it is."""

import gzip
import re
import subprocess
import sys

import pytest

from tests.browser.house import BUILT
from tests.e2e.processes import ROOT

BUDGET = 250_000
"""Bytes of JavaScript, gzipped, that the first page may load."""


def run(script: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, f"scripts/{script}", "--check"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def test_types_are_those_of_the_api(dashboard: None) -> None:
    if not (ROOT / "dashboard/node_modules/.bin/openapi-typescript").exists():
        pytest.skip("openapi-typescript is not installed: there is no Node")
    done = run("types")
    assert done.returncode == 0, done.stderr


def test_what_has_no_page_is_listed_with_its_reason() -> None:
    done = run("operations")
    assert done.returncode == 0, done.stderr


def test_the_first_page_is_small(dashboard: None) -> None:
    page = (BUILT / "index.html").read_text()
    scripts = {found for found in re.findall(r"_next/static/[\w./-]+?\.js", page) if (BUILT / found).is_file()}
    assert len(scripts) > 3
    total = sum(len(gzip.compress((BUILT / name).read_bytes(), 6)) for name in scripts)
    assert total < BUDGET, f"{total} bytes"
    print(f"{total} bytes of JavaScript, gzipped")
