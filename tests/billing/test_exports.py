"""What providers export, read into one arithmetic; and what is no export, refused with its place."""

import json

import pytest

from headgate.billing.exports import Told, Unreadable, read

DAY = 1_772_409_600  # 2026-03-02


def bucket(*results, **when):
    return json.dumps(
        {"object": "page", "data": [{**(when or {"start_time": DAY}), "results": list(results)}]}
    ).encode()


def test_openai_usage_in_json_and_csv():
    used = {
        "model": "gpt-5-2026-08-07",
        "num_model_requests": 3,
        "input_tokens": 100,
        "output_tokens": 20,
        "input_cached_tokens": 40,
    }
    expected = [Told(day="2026-03-02", model="gpt-5-2026-08-07", requests=6, input=200, output=40, cached=80)]
    assert read("openai", bucket(used, used)) == expected
    header = ",".join(["start_time", "start_time_iso", *used])
    line = ",".join(["1772409600", "2026-03-02T00:00:00+00:00", *map(str, used.values())])
    assert read("openai", f"\ufeff{header}\r\n{line}\r\n{line}\r\n".encode()) == expected


def test_openai_costs_in_json_and_csv():
    cost = {"amount": {"value": 0.06, "currency": "usd"}, "line_item": "gpt-5, input", "project_id": None}
    other = {"amount": {"value": "0.000000001", "currency": "usd"}, "line_item": "gpt-5, output"}
    assert read("openai", bucket(cost, other)) == [Told(day="2026-03-02", model="gpt-5", cost_nano=60_000_001)]
    data = b'start_time,amount_value,amount_currency,line_item\n1772409600,0.06,usd,"gpt-5, input"\n'
    assert read("openai", data) == [Told(day="2026-03-02", model="gpt-5", cost_nano=60_000_000)]


def test_anthropic_usage_in_json_and_csv():
    used = {
        "uncached_input_tokens": 10, "cache_creation": {"ephemeral_1h_input_tokens": 1, "ephemeral_5m_input_tokens": 2},
        "cache_read_input_tokens": 30, "output_tokens": 5, "model": "claude-x",
    }  # fmt: skip
    expected = [Told(day="2026-03-02", model="claude-x", input=43, output=5, cached=30, cache_write=3)]
    assert read("anthropic", bucket(used, starting_at="2026-03-02T00:00:00Z")) == expected
    data = (
        b"usage_date_utc,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
        b"usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens\n"
        b"2026-03-02,claude-x,10,2,1,30,5\n"
    )
    assert read("anthropic", data) == expected


def test_anthropic_costs_are_in_cents_in_json_and_in_usd_in_csv():
    cost = {"amount": "123.45", "currency": "USD", "model": "claude-x"}
    expected = [Told(day="2026-03-02", model="claude-x", cost_nano=1_234_500_000)]
    assert read("anthropic", bucket(cost, starting_at="2026-03-02T00:00:00Z")) == expected
    data = b"usage_date_utc,model,token_type,cost_usd\n2026-03-02,claude-x,input,1.2345\n"
    assert read("anthropic", data) == expected


def test_any_other_csv_by_its_columns():
    columns = {"day": "Date", "model": "Name", "input": "In", "cost_usd": "Cost ($)"}
    data = b'Date,Name,In,Cost ($)\n2026-03-02,m,"1,000",$0.50\n2026-03-01,m,1,\n'
    assert read("csv", data, columns) == [
        Told(day="2026-03-01", model="m", input=1, cost_nano=0),
        Told(day="2026-03-02", model="m", input=1000, cost_nano=500_000_000),
    ]


@pytest.mark.parametrize(
    ("format", "data", "words"),
    [
        ("openai", b"\xff", "UTF-8 at byte 0"),
        ("openai", b"{", "not JSON"),
        ("openai", b"{}", "no list under 'data'"),
        ("openai", b"[5]", "no list under 'data'"),
        ("openai", b'{"data":[5]}', r"data\[0\]"),
        ("openai", bucket({"amount": {"value": 1, "currency": "eur"}}), "not in USD"),
        ("openai", bucket({"input_tokens": -1}), "no number of tokens"),
        ("openai", bucket({"input_tokens": 1.5}), "no number of tokens"),
        ("openai", bucket({"amount": {"value": "NaN", "currency": "usd"}}), "no amount"),
        ("openai", bucket({"amount": {"value": "x", "currency": "usd"}}), r"data\[0\]"),
        ("openai", bucket({}, start_time=10**20), r"data\[0\]"),
        ("openai", b"a,b\n1,2\n", "line 2: there is no column"),
        ("anthropic", b"usage_date_utc,model,cost_usd\nyesterday,m,1\n", "line 2"),
        ("csv", b"a\n", "which is 'day'"),
    ],
)
def test_what_is_none_is_refused_with_its_place(format, data, words):
    with pytest.raises(Unreadable, match=words):
        read(format, data)
