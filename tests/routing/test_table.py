"""Names to routes."""

from types import SimpleNamespace

import pytest

from headgate.core.errors import BadRequest, ModelNotFound
from headgate.routing import table
from headgate.routing.table import Route, RouteConfig, RouteTable


def target(provider: str, model: str) -> object:
    return SimpleNamespace(name=f"{provider}/{model}")


def make(bare: dict[str, tuple[str, ...]] | None = None) -> RouteTable:
    fast = Route("fast", "route", (target("a", "m"),), RouteConfig(targets=["a/m"]), "configured")  # type: ignore[arg-type]
    return RouteTable({"fast": fast}, frozenset({"a", "b"}), target, bare or {})  # type: ignore[arg-type]


def test_a_route_comes_first() -> None:
    assert make({"fast": ("a/fast",)}).resolve("fast").kind == "route"


def test_the_first_slash_splits() -> None:
    route = make().resolve("a/org/model:tag")
    assert [t.name for t in route.targets] == ["a/org/model:tag"]


def test_a_bare_name_with_one_provider_is_found() -> None:
    assert make({"m": ("b/m",)}).resolve("m").targets[0].name == "b/m"


def test_a_bare_name_with_several_providers_is_refused_with_the_list() -> None:
    with pytest.raises(BadRequest, match="a/m, b/m") as refused:
        make({"m": ("a/m", "b/m")}).resolve("m")
    assert refused.value.param == "model"


@pytest.mark.parametrize("name", ["nobody/m", "nothing", "", "a/", "/m", "a"])
def test_the_unknown_is_not_found(name: str) -> None:
    with pytest.raises(ModelNotFound):
        make().resolve(name)


def test_control_characters_never_reach_a_header() -> None:
    with pytest.raises(ModelNotFound):
        make().resolve("a/x\r\nset-cookie: y")


def test_junk_names_do_not_grow_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_RESOLVED", 10)
    routes = make()
    for i in range(1000):
        routes.resolve(f"a/junk-{i}")
    assert len(routes._seen) <= 10


def test_a_name_is_bounded_in_bytes() -> None:
    assert make().resolve("a/" + "m" * 254).name
    with pytest.raises(BadRequest, match="at most 256 bytes") as refused:
        make().resolve("a/" + "模" * 85)
    assert (refused.value.code, refused.value.param) == ("model_name_too_long", "model")
    with pytest.raises(ModelNotFound):
        make().at("a", "模" * 85)
