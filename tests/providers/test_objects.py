"""Which objects of a provider paths, queries, bodies and answers name."""

import json
from time import process_time
from typing import Any

import pytest

from headgate.providers.objects import Listing, asked_for, made, named_in, place, sent


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/files", []),
        ("/v1/files/file-a", ["file-a"]),
        ("/files/file-a/content", ["file-a"]),
        ("/files/%66ile-a", ["file-a"]),
        ("/v1beta/files/abc:download", ["abc"]),
        ("/messages/batches", []),
        ("/messages/batches/msgbatch_01/results", ["msgbatch_01"]),
        ("/batch/jobs/0b6d2d4e-1111-2222", ["0b6d2d4e-1111-2222"]),
        ("/threads/thread_a/runs/run_b/steps", ["thread_a"]),
        ("/vector_stores/vs_a1/files/file-b", ["vs_a1", "file-b"]),
        ("/chat/completions/chatcmpl-1", ["chatcmpl-1"]),
        ("/nobody/knows/a7f3", ["a7f3"]),
        ("/models/gpt-4o", []),
        ("/models/ft:gpt-4o:org::x1", ["ft:gpt-4o:org::x1"]),
        ("/model/anthropic.claude-3:0/invoke", []),
        ("/v1beta/models/veo-2/operations/abc", ["abc"]),
        ("/v1/projects/p-1/locations/us-central1/publishers/google/models/g-2.0", []),
        ("/v1/projects/p-1/locations/us-central1/cachedContents/123", ["123"]),
    ],
)
def test_paths(path: str, ids: list[str]) -> None:
    assert [names[0] for names in place(path).ids] == ids


def test_who_changes_a_model_must_own_it() -> None:
    assert place("/models/gpt-4o", changes=True).ids[0][0] == "gpt-4o"


def test_only_the_object_itself_is_whole() -> None:
    whole = [place(path).whole for path in ("/files/file-a", "/files/file-a/content", "/files/abc:download", "/files")]
    assert whole == [True, False, False, False]
    assert place("/v1/organization/users").admin


def test_queries() -> None:
    query = b"after=x&purpose=batch&a=file-1&vector_store_id=q"
    assert list(asked_for(query, place("/files"))) == ["x", "file-1", "q"]
    for path in ("/threads/thread_a/messages", "/models"):
        assert list(asked_for(b"after=msg_1", place(path))) == []


BODIES: list[tuple[Any, set[str]]] = [
    ({"messages": [{"content": [{"type": "file", "file": {"file_id": "file-a"}}]}]}, {"file-a"}),
    ({"conversation": {"id": "conv_1"}, "tools": [{"vector_store_ids": ["vs_1", "vs_2"]}]}, {"conv_1", "vs_1", "vs_2"}),
    ({"container": {"skills": [{"skill_id": "s"}], "id": "container_1"}}, {"container_1", "s"}),
    ({"tools": [{"container": {"type": "auto", "file_ids": ["file-a"]}}]}, {"file-a"}),
    ({"contents": [{"parts": [{"fileData": {"fileUri": "https://h/v1beta/files/a1"}}]}]}, {"files/a1"}),
    ({"contents": [{"parts": [{"file_data": {"file_uri": "https://h/v1beta/%66iles/a1"}}]}]}, {"files/a1"}),
    ({"fileUri": "https://h/v1beta/files/theirs?x=/files/mine"}, {"files/theirs", "files/mine"}),
    ({"fileUri": "https://h/v1beta/files/theirs#files/a:/files/mine"}, {"files/theirs", "files/mine"}),
    ({"fileUri": "gs://bucket/files/2026/report.pdf"}, set()),
    ({"contents": [{"parts": [{"fileData": {"fileUri": "https://youtu.be/x"}}]}]}, set()),
    ({"cachedContent": "projects/p/locations/l/cachedContents/7"}, {"cachedContents/7"}),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, {"msg_1"}),
    ({"data_source": {"source": {"type": "stored_completions"}}}, set()),
    ({"input": [{"type": "code_interpreter_call", "id": "ci", "container_id": "cntr_1", "code": "1"}]}, set()),
    ({"messages": [{"content": [{"type": "tool_use", "input": {"file_id": "mine"}}]}]}, set()),
    ({"contents": [{"parts": [{"functionCall": {"name": "f", "args": {"file_id": "mine"}}}]}]}, set()),
    ({"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {"file_id": "mine"}}}]}]}, set()),
    ({"tools": [{"input_schema": {"properties": {"file_id": {"type": "string"}}}}]}, set()),
    ({"messages": [{"role": "tool", "tool_call_id": "c", "content": '{"file_id": "mine"}'}]}, set()),
]


@pytest.mark.parametrize(("body", "ids"), BODIES)
def test_bodies(body: Any, ids: set[str]) -> None:
    assert named_in(json.dumps(body).encode()) == ids


def test_a_long_address_takes_no_longer_than_it_is() -> None:
    body = json.dumps({"file_uri": "/files/a:" * 25_000 + "\n"}).encode()
    began = process_time()
    assert "files/a" in named_in(body)
    assert process_time() - began < 0.5, "it takes some milliseconds"


def test_names_that_are_written_otherwise_or_twice() -> None:
    assert named_in(b'{"file\\u005f\\u0069d": "file-a"}') == {"file-a"}
    assert named_in(b'{"file_id": "file-a", "file_id": "file-b"}') == {"file-a", "file-b"}
    assert named_in(b'{"type": "tool_use", "type": "x", "input": {"file_id": "file-a"}}') == {"file-a"}


def test_whatever_an_account_holds_is_nobodys() -> None:
    body = json.dumps({"data_source": {"source": {"type": "stored_completions"}}}).encode()
    for kind in (b"application/json; charset=utf-8", b"", b"text/plain"):
        assert sent(body, kind) == {"stored_completions"}


def test_forms() -> None:
    def form(purpose: str) -> bytes:
        line = b'{"body": {"file_id": "file-b"}}'
        parts = [(b'name="vector_store_id"', b"vs_1"), (b'name="purpose"', purpose.encode())]
        parts.append((b'name="file"; filename="a"', line))
        return (
            b"".join([b"--x\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % one for one in parts]) + b"--x--\r\n"
        )

    kind = b"multipart/form-data; boundary=x"
    assert sent(form("batch"), kind) == {"vs_1", "file-b"}
    assert sent(form("user_data"), kind) == {"vs_1"}, "nothing is done by what stands in it"
    assert sent(b"file_id=file-a&x=1", b"application/x-www-form-urlencoded") == {"file-a"}


def test_answers() -> None:
    at = place("/batches")
    assert made({"id": "batch_1", "output_file_id": "file-o", "metadata": {"file_id": "file-x"}}, at) == [
        "batch_1",
        "file-o",
    ]
    assert made({"file": {"name": "files/abc", "uri": "u"}}, place("/upload/v1beta/files")) == ["files/abc"]
    assert made({"name": "models/veo/operations/7"}, place("/v1beta/models/veo:x")) == ["operations/7"]
    assert made({"id": "msg_1"}, place("/model/m/invoke")) == []
    assert made(["x"], at) == made({"id": 3}, at) == made({"id": "a\nb"}, at) == []


def test_lists() -> None:
    answer = {
        "data": [{"id": "a"}, {"id": "b"}, {"id": "c"}],
        "has_more": False,
        "first_id": "a",
        "last_id": "c",
        "total": 3,
    }
    listing = Listing(answer, place("/files"))
    listing.keep({"b"})
    assert answer == {"data": [{"id": "b"}], "has_more": False, "first_id": "b", "last_id": "b", "total": 1}
    googles = {"files": [{"name": "files/a"}, {"name": "files/b"}], "nextPageToken": "t"}
    listing = Listing(googles, place("/v1beta/files"))
    listing.keep({"files/b"})
    assert googles == {"files": [{"name": "files/b"}], "nextPageToken": "t"}
    models = {"data": [{"id": "gpt-4o"}, {"id": "ft:gpt-4o:org::x1"}]}
    listing = Listing(models, place("/models"))
    listing.keep(set())
    assert models == {"data": [{"id": "gpt-4o"}]}
