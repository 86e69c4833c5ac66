"""The file and what was configured through the API, as one."""

import asyncio
from typing import Any

import msgspec
import pytest

from headgate.access.types import Principal
from headgate.cli.compiled import NoSenders
from headgate.config import ConfigError
from headgate.config.compile import Compiled, Keys, compile_config
from headgate.config.effective import Effective, effective
from headgate.config.known import known
from headgate.config.types import Known
from headgate.core.errors import ModelNotFound, UpstreamFailed
from headgate.core.secret import Secret
from headgate.pipeline.grants import permitted
from headgate.providers.base import ProviderConfig
from headgate.routing.kinds import KINDS
from headgate.storage.object_rows import SHARED, ObjectRow
from headgate.transport.base import Origin, Outbound

KNOWN = Known(kinds=frozenset(("openai-compatible",)), strategies=KINDS, guardrails=known({}).guardrails)
FILE = """
providers:
  a: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 1}}
  b: {kind: openai-compatible, base_url: "http://h/v1"}
routes:
  plain: {targets: [a/m]}
aliases: {usual: plain}
"""


def row(kind: str, name: str, body: Any, tenant: str = SHARED, version: int = 1) -> ObjectRow:
    text = msgspec.json.encode(body).decode()
    id = f"{tenant}-{kind}-{name}"
    return ObjectRow(
        id=id, tenant_id=tenant, kind=kind, name=name, version=version, body=text, created_at=1, updated_at=1
    )


def made(*rows: ObjectRow, file: str = FILE, **given: Any) -> Effective:
    return effective(file.encode(), given.pop("environ", {}), KNOWN, rows, **given)


def compiled(*rows: ObjectRow) -> Compiled:
    found = made(*rows)
    return compile_config(found.config, {}, NoSenders(), own=found.own)


def refused(*rows: ObjectRow, **given: Any) -> list[str]:
    with pytest.raises(ConfigError) as error:
        made(*rows, **given)
    return [str(problem) for problem in error.value.problems]


def names(config: Compiled, tenant: str, name: str) -> list[str]:
    return [target.name for target in config.snapshot.table_of(tenant).resolve(name).targets]


def test_what_all_share_stands_beside_the_file():
    config = compiled(
        row("route", "fast", {"targets": ["b/m"], "fallback": "plain", "strategy": [{"kind": "cost"}]}),
        row("alias", "quick", {"target": "fast"}),
        row("use_case", "chat", {"targets": ["a/m"]}),
    )
    assert names(config, "anyone", "quick") == ["b/m", "a/m"]
    assert names(config, "anyone", "use-case/chat") == ["a/m"]


def test_a_tenants_own_are_seen_by_it_alone_and_go_over_what_all_share():
    config = compiled(
        row("route", "fast", {"targets": ["b/m"]}),
        row("route", "fast", {"targets": ["a/m"], "fallback": "plain"}, "t"),
        row("route", "mine", {"targets": ["b/own"], "fallback": "fast"}, "t"),
        row("alias", "usual", {"target": "mine"}, "t"),
    )
    assert names(config, "t", "fast") == ["a/m"]
    assert names(config, "u", "fast") == ["b/m"]
    assert names(config, "t", "usual") == ["b/own", "a/m"]
    assert names(config, "u", "usual") == ["a/m"]
    with pytest.raises(ModelNotFound):
        names(config, "u", "mine")
    listed = {who: [m.id for m in config.listing(_principal(who)) if m.owned_by == "headgate"] for who in ("t", "u")}
    assert listed == {"t": ["plain", "fast", "usual", "mine"], "u": ["plain", "fast", "usual"]}


WORDS = {"kind": "keywords", "words": ["orion"], "always": True}
NO_WORDS = {"kind": "keywords", "words": ["nobody says this"]}


@pytest.mark.parametrize("where", ["database", "file"])
def test_a_guardrail_of_all_tenants_is_none_that_a_tenant_has_another_for(where):
    """It may have come after the tenant's own, in the file for one; then that is left out, and told."""
    own = [row("guardrail", "house", NO_WORDS, "t"), row("guardrail", "mine", WORDS, "t")]
    own.append(row("route", "calm", {"targets": ["a/m"], "guardrails": ["house", "mine"]}, "t"))
    if where == "file":
        found = made(*own, file=FILE + "guardrails: {house: {kind: keywords, words: [orion], always: true}}\n")
    else:
        found = made(row("guardrail", "house", WORDS), *own)
    (told,) = found.left_out
    assert (told.file, told.path) == ("database, tenant t", "guardrails.house")
    assert "all tenants share: choose another" in told.message
    guarding = compile_config(found.config, {}, NoSenders(), own=found.own).snapshot.guarding
    assert guarding is not None and list(found.own["t"].routes) == ["calm"]
    for tenant in ("t", "u"):
        (rule,) = guarding.chosen(tenant, ["house"])
        assert rule.guardrail.always and rule.guardrail.words == ["orion"]


def test_whoever_compiles_both_gets_the_shared_one():
    found = made(row("guardrail", "house", WORDS))
    over = made(row("guardrail", "house", NO_WORDS)).config
    guarding = compile_config(found.config, {}, NoSenders(), own={"t": over}).snapshot.guarding
    assert guarding is not None and guarding.chosen("t", ["house"])[0].guardrail.always


def _principal(tenant: str, **given: Any) -> Principal:
    return Principal(kind="key", id="k", tenant_id=tenant, name="k", **given)


@pytest.mark.parametrize(
    "given",
    [{"catalogue": {"fast", "quick", "use-case/chat", "a/m"}}, {"allotted": {"fast", "quick", "use-case/chat", "a/m"}}],
)
def test_a_tenant_widens_nothing_by_a_name_that_it_was_given(given):
    """What it has of its own goes over what all share, and to no more models than it may use."""
    shared = [
        row("route", "fast", {"targets": ["a/cheap"]}),
        row("alias", "quick", {"target": "a/cheap"}),
        row("use_case", "chat", {"targets": ["a/cheap"]}),
    ]
    own = [
        row("route", "fast", {"targets": ["b/dear", "a/m"]}, "t"),
        row("alias", "quick", {"target": "b/dear"}, "t"),
        row("use_case", "chat", {"targets": ["b/dear", "a/m"]}, "t"),
    ]
    ((field, value),) = given.items()
    who = _principal("t", **{field: frozenset(value)}, narrowed=(frozenset(value),) if field == "allotted" else ())
    for rows, found in ((shared, ["a/cheap"] * 3), ([*shared, *own], ["a/m", None, "a/m"])):
        table = compiled(*rows).snapshot.table_of("t")
        reached = []
        for name in ("fast", "quick", "use-case/chat"):
            try:
                left = permitted(who, table.resolve(name), name)
            except ModelNotFound:
                left = ()
            reached.append(left[0].name if left else None)
            assert len(left) < 2
        assert reached == found
    team = _principal("t", narrowed=(frozenset({"fast"}),))
    assert len(permitted(team, compiled(*shared, *own).snapshot.table_of("t").resolve("fast"), "fast")) == 2


def test_a_name_in_both_is_a_fault_that_names_both():
    (told,) = refused(row("route", "plain", {"targets": ["b/m"]}, version=3))
    assert told.startswith("headgate.yaml:6:3: routes.plain: the route `plain` is in this file and in the database")
    assert "(version 3)" in told


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("route", {"targets": ["c/m"]}, "database: routes.x.targets[0]: no provider `c`"),
        ("route", {"target": ["a/m"]}, "database: routes.x: unknown key `target`; did you mean `targets`?"),
        ("route", {"targets": ["a/m"], "fallback": "x"}, "database: routes.x.fallback: leads in a circle: x -> x"),
        ("route", {"targets": [{"model": "a/m", "weight": 0}]}, "database: routes.x.targets[0].weight: must be"),
        ("route", {"targets": ["a/m"], "timeout": "9"}, "database: routes.x.timeout: must be a plain decimal number"),
        ("route", {"targets": ["a/${HOME}"]}, "must not refer to the environment or to files"),
        ("route", {"targets": ["a/m"], "attempts": True}, "must be a plain decimal number"),
        ("alias", {"target": "nothing"}, "database: aliases.x: no model `nothing`"),
        ("alias", {}, "database: aliases.x: must be text"),
        ("use_case", {"targets": ["c/m"]}, "database: use_cases.x.targets[0]: no provider `c`"),
    ],
)
def test_an_object_is_checked_as_the_file_is(kind, body, said):
    for tenant in (SHARED, "t"):
        told = refused(row(kind, "x", body, tenant), strict=True, environ={"HOME": "/root"})
        assert any(said.removeprefix("database") in line for line in told), told
        assert told[0].startswith("database, tenant t:" if tenant else "database:")


def test_what_is_wrong_is_left_out_and_told():
    good = row("route", "good", {"targets": ["a/m"]})
    bad, led = row("route", "bad", {"targets": ["c/m"]}), row("route", "led", {"targets": ["a/m"], "fallback": "bad"})
    of_one = row("alias", "broken", {"target": "nothing"}, "t")
    found = made(good, bad, led, of_one)
    assert [one.name for one in found.rows] == ["good"]
    assert found.own == {}
    assert [problem.path for problem in found.left_out] == [
        "routes.bad.targets[0]",
        "routes.led.fallback",
        "aliases.broken",
    ]


def test_what_has_become_wrong_stays_as_it_was():
    was = row("route", "fast", {"targets": ["a/m"]})
    now = row("route", "fast", {"targets": ["c/m"]}, version=2)
    found = made(now, before=[was])
    assert found.rows == (was,)
    assert found.config.routes["fast"].targets == ["a/m"]
    assert made(now, before=[now]).rows == ()


def test_a_fault_of_the_file_is_never_passed_over():
    told = refused(row("route", "bad", {"targets": ["c/m"]}), file=FILE + "limits: {body: x}\n")
    assert any("limits.body" in line for line in told)


def test_a_file_without_the_section_or_with_nothing_in_it_takes_objects():
    providers = FILE.partition("routes:")[0]
    for file in (providers, providers + "routes:\n", providers + "routes: {}\n"):
        assert list(made(row("route", "x", {"targets": ["a/m"]}), file=file).config.routes) == ["x"]
    with pytest.raises(ConfigError, match="routes: must be a mapping"):
        made(row("route", "x", {"targets": ["a/m"]}), file=providers + "routes: [x]\n")


def test_values_of_every_kind_come_through():
    body = {
        "targets": [{"model": "a/m", "weight": 2.5, "tags": ["x"]}, "b/m"],
        "single_flight": True,
        "timeout": 1e-2,
        "fallback": None,
        "strategy": [{"kind": "weighted", "sticky": "user", "when": {"stream": False, "metadata": {"n": "1"}}}],
    }
    route = made(row("route", "x", body), strict=True).config.routes["x"]
    assert (route.single_flight, route.timeout, route.fallback) == (True, 0.01, None)
    assert route.strategy[0]["when"] == {"stream": False, "metadata": {"n": "1"}}
    assert route.targets[1] == "b/m"


OWN = {"kind": "openai-compatible", "base_url": "https://models.example.com/v1"}
UP = {"kind": "openai-compatible", "base_url": "http://127.0.0.1:9/v1", "price": {"input": 2}}


def own(name: str, tenant: str, config: dict[str, Any] = OWN, at: int = 1) -> ObjectRow:
    return msgspec.structs.replace(row("provider", name, config, tenant), created_at=at)


def test_a_provider_of_the_database_stands_beside_those_of_the_file():
    found = made(row("provider", "up", UP), row("route", "fast", {"targets": ["up/m", "a/m"]}))
    config = compile_config(found.config, {}, NoSenders(), own=found.own)
    assert names(config, "anyone", "up/any/thing") == ["up/any/thing"]
    assert names(config, "anyone", "fast") == ["up/m", "a/m"]
    assert config.snapshot.table.resolve("up/m").targets[0].price is not None
    assert found.managers() == {"a": "file", "b": "file", "up": "database"}
    (told,) = refused(row("provider", "a", UP))
    assert "the provider `a` is in this file and in the database" in told
    assert "headgate providers delete a --shared" in told


def test_a_bad_one_of_the_database_is_left_out_and_the_rest_stands():
    found = made(row("provider", "up", {**UP, "api_key": "sk-canary-0123456789"}), row("provider", "good", UP))
    assert set(found.config.providers) == {"a", "b", "good"}
    (told,) = found.left_out
    assert told.path == "providers.up.api_key" and "canary" not in str(told)


def test_a_tenants_own_provider_is_there_for_it_alone():
    found = made(own("ours", "t"), row("route", "mine", {"targets": ["ours/m", "a/m"]}, "t"))
    assert found.managers() == {"a": "file", "b": "file", "ours": "database"}
    config = compile_config(found.config, {}, NoSenders(), own=found.own)
    assert names(config, "t", "ours/m") == ["ours/m"] and names(config, "t", "mine") == ["ours/m", "a/m"]
    assert names(config, "t", "a/m") == ["a/m"]
    for tenant in ("u", "default"):
        with pytest.raises(ModelNotFound):
            names(config, tenant, "ours/m")
        assert "ours" not in config.of(tenant) and "ours" not in config.kinds(tenant)
        assert "ours" not in [account["name"] for account in config.told({}, tenant)]
    assert "ours" in config.of("t") and "ours" in config.of(None)
    (told,) = made(own("ours", "t"), row("route", "x", {"targets": ["ours/m"]})).left_out
    assert told.path == "routes.x.targets[0]", "what all share reaches none of them"
    (told,) = made(own("ours", "t"), row("route", "x", {"targets": ["ours/m"]}, "u")).left_out
    assert told.file == "database, tenant u"


@pytest.mark.parametrize("url", ["https://10.0.0.1/v1", "https://localhost/v1", "http://models.example.com/v1"])
def test_a_tenants_own_provider_in_the_database_leads_nowhere_private(url):
    (told,) = made(own("ours", "t", {**OWN, "base_url": url})).left_out
    assert (told.file, told.path) == ("database, tenant t", "providers.ours.base_url")


def test_a_name_stands_for_one_account_everywhere():
    """Who was there first has it; one that all tenants share goes over them all."""
    found = made(own("ours", "a-late-one", at=2), own("ours", "the-first", at=1))
    assert list(found.own) == ["the-first"] and [told.file for told in found.left_out] == [
        "database, tenant a-late-one"
    ]
    found = made(own("ours", "t"), row("provider", "ours", UP))
    assert found.own == {} and "has the name of another provider" in found.left_out[0].message
    found = made(own("b", "t"))
    assert found.own == {} and found.left_out[0].path == "providers.b"
    found = made(own("openai-compatible", "t"))
    assert "name of a service" in found.left_out[0].message


def test_a_shared_account_that_came_since_goes_over_a_tenants_own():
    found = made(own("ours", "t"))
    local = {"ours": ProviderConfig(kind="openai-compatible", base_url="http://127.0.0.1:1/v1")}
    config = compile_config(found.config, local, NoSenders(), own=found.own)
    assert config.owners == {} and config.accounts["ours"].base_url == "http://127.0.0.1:1/v1"


def test_keys_go_to_the_accounts_of_their_tenant_alone():
    found = made(own("ours", "t"), own("theirs", "u"), row("provider", "up", UP))
    keys = Keys(
        shared={"up": [Secret("k-up")], "ours": [Secret("k-shared")], "theirs": [Secret("k-shared")]},
        own={"t": {"ours": [Secret("k-t")], "up": [Secret("k-t")]}, "u": {"ours": [Secret("k-u")]}},
    )
    config = compile_config(found.config, {}, NoSenders(), own=found.own, keys=keys)
    held = {name: [key.reveal() for key in config.accounts[name].api_keys] for name in ("up", "ours", "theirs")}
    assert held == {"up": ["k-up"], "ours": ["k-t"], "theirs": []}


def test_one_that_waits_for_its_first_key_is_there_and_refuses_calls():
    cloud = {"kind": "bedrock", "region": "us-east-1"}
    whole = known({})
    found = effective(FILE.encode(), {}, whole, [row("provider", "cloud", cloud), own("ours", "t", cloud)])
    with pytest.raises(ValueError, match=r"providers\.cloud: has no credential"):
        compile_config(found.config, {}, NoSenders(), own=found.own)
    keys = Keys(awaited=found.made)
    config = compile_config(found.config, {}, NoSenders(), own=found.own, keys=keys)
    for name in ("cloud", "ours"):
        with pytest.raises(UpstreamFailed, match="no key yet") as error:
            asyncio.run(config.providers[name].sender.send(Outbound(Origin("h", 443, tls=True), b"")))
        assert error.value.billed == "none"
    with pytest.raises(ValueError, match=r"providers\.cloud: region"):
        wrong = effective(FILE.encode(), {}, whole, [row("provider", "cloud", {**cloud, "region": "evil.com/"})])
        compile_config(wrong.config, {}, NoSenders(), keys=Keys(awaited=wrong.made))


def test_a_shared_route_keeps_its_name_before_a_tenants_own_provider():
    found = made(row("route", "ours/fast", {"targets": ["a/m"]}), own("ours", "t"))
    assert found.own == {} and found.left_out[0].path == "providers.ours"


def test_accounts_that_stand_for_others_than_before_are_known():
    def of(*rows: ObjectRow) -> Compiled:
        found = made(*rows)
        return compile_config(found.config, {}, NoSenders(), own=found.own)

    first = of(own("ours", "t"), row("provider", "up", UP))
    assert of(own("ours", "t"), row("provider", "up", UP)).moved(first) == set()
    assert of(own("ours", "u"), row("provider", "up", {**UP, "price": {"input": 1}})).moved(first) == {"ours"}
    assert of(row("provider", "up", {**UP, "base_url": "http://127.0.0.1:10/v1"})).moved(first) == {"ours", "up"}
    assert of(own("more", "t"), own("ours", "t"), row("provider", "up", UP)).moved(first) == {"more"}
