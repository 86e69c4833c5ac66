MODELS = "/api/v1/config/models"


async def test_what_is_known_of_a_model(api):
    page = (await api.ask("GET", MODELS, params={"search": "mine/claude-opus-4-5", "limit": 1})).json()
    assert page["has_more"] and page["next"] == "mine/claude-opus-4-5"
    model = page["data"][0]
    assert (model["id"], model["provider"], model["usable"], model["kind"]) == (
        "mine/claude-opus-4-5", "mine", True, "chat",
    )  # fmt: skip
    assert model["price"] == {
        "input": "5", "output": "25", "cached": "0.5", "cache_write": "6.25", "cache_write_1h": "10", "search": "0.01",
    }  # fmt: skip
    assert {"chat", "tools", "vision", "reasoning"} <= set(model["capabilities"])
    assert model["profile"]["efforts"] == ["low", "medium", "high"]
    assert "anthropic" in model["source"] or "claude" in model["source"]


async def test_filters_and_pages(api):
    asked = {"provider": "openai", "capability": ["reasoning", "tools"], "max_price": "1", "min_context": 200_000}
    first = (await api.ask("GET", MODELS, params={**asked, "limit": 2})).json()
    rest = (await api.ask("GET", MODELS, params={**asked, "after": first["next"]})).json()
    ids = [model["id"] for model in first["data"] + rest["data"]]
    assert ids == sorted(set(ids)) and "openai/gpt-5-mini" in ids
    for model in first["data"]:
        assert not model["usable"] and float(model["price"]["input"]) <= 1 and model["context"] >= 200_000
    usable = (await api.ask("GET", MODELS, params={"usable": "true", "limit": 1000})).json()["data"]
    assert usable and all(model["provider"] == "mine" for model in usable)


async def test_what_is_refused(api):
    assert (await api.ask("GET", MODELS, "key")).status_code == 403
    for wrong in ({"status": "x"}, {"max_price": "-1"}, {"limit": 0}, {"colour": "red"}):
        answer = await api.ask("GET", MODELS, params=wrong)
        assert answer.status_code == 400, wrong
