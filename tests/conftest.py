"""What holds for every test: provider keys of this machine stay out, and a skip counts where everything must run."""

import os
import ssl
from functools import cache
from typing import Any

import certifi
import httpcore2
import pyarrow.parquet  # noqa: F401  # before the library of a vector index, beside which it crashes if it comes second
import pytest
from _pytest.nodeid import coerce_node_id
from _pytest.terminal import TerminalReporter

pytest_plugins = ["tests.servers"]
OUTSIDE = "recorded exchanges"  # they are not part of the repository; a last line of the run says that they were absent
REQUIRE_ALL = os.environ.get("HEADGATE_REQUIRE_ALL") == "1"

_own = httpcore2.default_ssl_context
_default = cache(_own)
httpcore2.default_ssl_context = lambda **how: _own(**how) if "SSL_CERT_FILE" in os.environ else _default(**how)
"""Every client makes one, of all authorities of this machine: twenty times the work of a request."""
_made = ssl.create_default_context
_usual = cache(lambda: _made(cafile=certifi.where()))


def _trusting(*args: Any, **named: Any) -> ssl.SSLContext:
    given = {name: value for name, value in named.items() if value is not None}
    return _usual() if not args and given == {"cafile": certifi.where()} else _made(*args, **named)


ssl.create_default_context = _trusting  # of vendors' clients, for the same reason

for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith(("HEADGATE_", "SSL_CERT_"))]:
    del os.environ[name]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say to xdist which tests stay together: what it writes for that itself, pytest 9.2 does not read.

    Tests of one file that share something, such as a gateway, stay together without saying so.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        names = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        made: dict[str, Any] = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
        shared = [definitions[-1].scope for definitions in made.values() if definitions]
        if not names and {"module", "package", "class"} & set(shared):
            names = [item.nodeid.partition("::")[0]]
        if names and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = coerce_node_id(f"{item.nodeid}@{'_'.join(names)}")


def pytest_terminal_summary(terminalreporter: TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    noted = [pair for r in terminalreporter.stats.get("passed", []) for pair in r.user_properties]
    counted = [value for key, value in noted if key == "recorded"]
    if counted:
        told = ", ".join(f"{provider} {compared} of {rows}" for provider, rows, compared in counted)
        terminalreporter.write_line(f"recorded exchanges whose usage was compared: {told}")
    replayed = [value for key, value in noted if key == "replayed"]
    if replayed:
        told = ", ".join(
            f"{provider} {same}" + (f" (+{failed})" if failed else "") for provider, same, failed in replayed
        )
        terminalreporter.write_line(f"recorded exchanges replayed unchanged through the gateway (+errors told): {told}")
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        names = sorted({str(report.nodeid).partition("::")[0] for report in skipped})
        terminalreporter.write_line(f"skipped: {len(skipped)} in {', '.join(names)}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRE_ALL and exitstatus == 0 and reporter is not None:
        skipped = [r for r in reporter.stats.get("skipped", []) if OUTSIDE not in str(r.longrepr)]
        if skipped:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
