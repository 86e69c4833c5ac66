"""Whatever a request says: for every target it is carried, or named as left out. Nothing goes missing in silence."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.dialects.contract import TARGETS
from tests.dialects.contract import below, found, read, told, write
from tests.dialects.samples import BASES, HELLO, SAMPLES

FREE = {
    *("parameters", "schema", "input_schema", "parametersJsonSchema", "responseJsonSchema", "json_schema", "json"),
    *("arguments", "args", "metadata", "labels", "requestMetadata", "logit_bias", "response", "format", "textFormat"),
    *("output_schema", "input_examples", "responseFormat", "promptVariables", "image", "zq"),
}
"""Objects whose names are the caller's own, or which are read whole: nothing is planted in them."""
NARROWED = {"tool_choice.allowed", "tool_choice.named", "tool_choice.none"}
"""What leaves out tools that may not be called now, and all that they say."""
TEXTS = re.compile(rf"zq(?:text|said|result|thought|system|midway|refusal)|{HELLO}")
EXAMPLES = 60  # of each pair


def merged(into: Any, more: Any) -> Any:
    """Lay *more* over *into*: objects joined, lists one after the other."""
    if isinstance(into, dict) and isinstance(more, dict):
        return {name: merged(into.get(name), more.get(name)) for name in {**into, **more}}
    if isinstance(into, list) and isinstance(more, list):
        return into + more
    return copy.deepcopy(into if more is None else more)


def request_of(source: str, names: list[str]) -> dict[str, Any]:
    """Return one request that says what several samples say."""
    whole: dict[str, Any] = {}
    for name in names:
        fields = SAMPLES[source][name].fields
        whole = {**whole, **fields} if isinstance(fields.get("input"), str) else merged(whole, fields)
    return {**BASES[source], **whole}


def objects(value: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the objects in a request in which a field can be planted, with the path of each."""
    if isinstance(value, dict):
        yield at, value
        for name, inner in value.items():
            if name not in FREE and not (name == "input" and isinstance(inner, dict)):
                yield from objects(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from objects(inner, f"{at}[{index}]")


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Return the marks in a request, with the path of each."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{at}[{index}]")
    elif isinstance(value, str) and "zq" in value and not value.startswith("{"):
        yield at, value


def numbered(value: Any, counter: Iterator[int]) -> Any:
    """Make every text one that stands nowhere else."""
    if isinstance(value, dict):
        return {name: numbered(inner, counter) for name, inner in value.items()}
    if isinstance(value, list):
        return [numbered(inner, counter) for inner in value]
    return f"zqt{next(counter)}t" if isinstance(value, str) and TEXTS.fullmatch(value) else value


def item(path: str) -> str:
    """Return the path of the last thing of a list that *path* stands in."""
    return path[: path.rfind("]") + 1]


def named(path: str, dropped: list[str]) -> bool:
    """Tell whether *dropped* names *path*, at its place or elsewhere in the same message: some sources move things."""
    first, _, rest = path.partition("]")
    words = set(re.findall(r"[^.\[\]]+", rest))
    near = [one for one in dropped if one.partition("]")[0] == first]
    return told(path, dropped) or any(one.rpartition(".")[2] in words for one in near)


def lost(document: dict[str, Any], body: bytes, dropped: list[str]) -> list[str]:
    """Name what is neither in *body* nor in *dropped*, alone or with the whole thing that it stands in."""
    marks = list(leaves(document))
    kept = [path for path, mark in marks if found(mark, body)]
    missing = []
    for path, _ in marks:
        if path in kept or named(path, dropped):
            continue
        whole = item(path)
        gone = not any(below(one, whole) for one in kept) and any(below(one, whole) for one in dropped)
        if not whole or not gone:
            missing.append(path)
    return missing


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", TARGETS)
def test_nothing_goes_missing(source, target):
    if source == target:
        return

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.sampled_from(sorted(SAMPLES[source])), min_size=1, max_size=5, unique=True), st.data())
    def holds(names: list[str], data: Any) -> None:
        whole = request_of(source, names)
        whole = numbered(whole, iter(range(10**6)))
        narrowed = bool(NARROWED & set(names))
        places = [(at, one) for at, one in objects(whole) if "ools[" not in at or not narrowed]
        for number in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(places) - 1))
            places[at][1][f"zqfield{number}"] = f"zqplanted{number}p"
        written = write(target, read(source, whole), drop=True)
        missing = lost(whole, written.body, written.dropped)
        assert [path for path in missing if "ools[" not in path or not narrowed] == [], (whole, written)

    holds()
