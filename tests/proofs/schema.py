"""Requests drawn from the OpenAPI document itself, good and bad ones, against a real gateway: none is answered by a 5xx."""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.processes import Gateway
from tests.proofs import Progress

EXAMPLES = 150
"""Of each operation and each way of drawing."""
ADMIN_KEY = "hga_a-key-for-the-fuzzer-alone"
OTHERS = ("/api/v1/chat/completions", "/api/v1/gateway/", "/api/v1/logs/tail")
"""Paths of the data plane below the same prefix, and one that waits for news."""
FOR_GOOD = {("delete", "/api/v1/tenants/{id}")}
"""What would take the ground from under the rest."""


def prove(scale: float, folder: Path, progress: Progress) -> str:
    gateway = Gateway(folder / "home", HEADGATE_ADMIN_KEY=ADMIN_KEY).start(60)
    try:
        seen: Counter[int] = Counter()
        operations = list(drawn(gateway.url))
        for number, (method, path, strategies) in enumerate(operations):
            for strategy in strategies:
                ask(gateway, method, path, strategy, max(round(EXAMPLES * scale), 1), seen)
            progress(number, len(operations))
        assert gateway.process is not None
        assert gateway.process.poll() is None, gateway.printed[-2000:]
    finally:
        gateway.kill()
    told = ", ".join(f"{count} times {status}" for status, count in sorted(seen.items()))
    return f"{sum(seen.values())} requests to {len(operations)} operations: no 5xx ({told})"


def drawn(url: str) -> Iterator[tuple[str, str, list[Any]]]:
    """Every operation of the management API, and how requests to it are drawn: as the document says, and against it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
        from schemathesis import GenerationMode

    document = httpx2.get(f"{url}/openapi.json", timeout=30).json()
    document["paths"] = {
        path: operations
        for path, operations in document["paths"].items()
        if path.startswith("/api/v1/") and not path.startswith(OTHERS)
    }
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        assert operation is not None, result
        if (operation.method.lower(), operation.path) not in FOR_GOOD:
            modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            yield operation.method, operation.path, [operation.as_strategy(generation_mode=mode) for mode in modes]


def ask(gateway: Gateway, method: str, path: str, strategy: Any, examples: int, seen: Counter[int]) -> None:
    """Send *examples* requests; raise ``AssertionError`` with the smallest that is answered by a 5xx."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.errors import Unsatisfiable

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def one(case: Any) -> None:
        response = case.call(
            base_url=gateway.url, headers={"authorization": f"Bearer {ADMIN_KEY}"}, timeout=30, allow_redirects=False
        )
        seen[response.status_code] += 1
        assert response.status_code < 500, f"{method} {path}: {case.as_curl_command()}: {response.text[:500]}"

    logging.getLogger("urllib3").setLevel(logging.ERROR)
    try:
        one()
    except Unsatisfiable:
        pass  # nothing can be said against an operation that takes nothing
