"""Which models answer a use case."""

from headgate.routing.use_cases import MOST, SHIPPED, Candidate, UseCase, chosen


def model(name: str, input: float, output: float, *can: str, kind: str = "chat", of: tuple[str, ...] = ()) -> Candidate:
    return Candidate(name, kind, (kind, *can), of or ("chat", "summarization", "extraction", "code"), input, output)


MODELS = [
    model("a/small", 0.1, 0.4, "tools"),
    model("a/tiny", 0.05, 0.2),
    model("b/large", 3, 15, "tools", "json_schema"),
    model("b/huge", 15, 75, "tools", "json_schema"),
    model("c/embed", 0.02, 0, kind="embedding", of=("embedding",)),
]


def test_the_cheapest_comes_first_and_each_provider_before_its_second() -> None:
    assert chosen("chat", UseCase(), MODELS) == ["a/tiny", "b/large", "a/small", "b/huge"]


def test_what_is_required_must_be_there() -> None:
    assert chosen("extraction", SHIPPED["extraction"], MODELS) == ["b/large", "b/huge"]
    assert chosen("chat", UseCase(requires=["vision"]), MODELS) == []


def test_the_strong_one_is_not_the_dearest_of_all() -> None:
    assert chosen("code", SHIPPED["code"], MODELS)[0] == "b/large"
    assert chosen("code", UseCase(prefer="strong"), [MODELS[3]]) == ["b/huge"]


def test_only_models_of_its_kind() -> None:
    assert chosen("embedding", SHIPPED["embedding"], MODELS) == ["c/embed"]


def test_no_more_than_a_plan_holds() -> None:
    many = [model(f"p{i}/m", i, i) for i in range(20)]
    assert len(chosen("chat", UseCase(), many)) == MOST
