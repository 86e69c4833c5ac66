"""Base URLs, credentials and headers: what is taken, and what is refused before anything is sent."""

import pytest

from headgate.core.secret import Secret
from headgate.providers.endpoint import credential, endpoint, fields, render
from headgate.transport.base import Origin


@pytest.mark.parametrize(
    ("url", "origin", "host", "path"),
    [
        ("https://api.openai.com/v1", Origin("api.openai.com", 443, True), "api.openai.com", "/v1"),
        ("https://api.openai.com/v1/", Origin("api.openai.com", 443, True), "api.openai.com", "/v1"),
        ("http://127.0.0.1:9100", Origin("127.0.0.1", 9100, False), "127.0.0.1:9100", ""),
        ("http://h:80/", Origin("h", 80, False), "h", ""),
        ("https://h:8443/a/b", Origin("h", 8443, True), "h:8443", "/a/b"),
        ("http://[::1]:8000/v1", Origin("::1", 8000, False), "[::1]:8000", "/v1"),
        ("HTTPS://API.Example.COM/Path", Origin("api.example.com", 443, True), "api.example.com", "/Path"),
        ("https://bücher.example/v1", Origin("xn--bcher-kva.example", 443, True), "xn--bcher-kva.example", "/v1"),
        ("https://h/a%20b", Origin("h", 443, True), "h", "/a%20b"),
        ("https://h/ä", Origin("h", 443, True), "h", "/%C3%A4"),
        ("http://my_host:1/v1", Origin("my_host", 1, False), "my_host:1", "/v1"),
    ],
)
def test_a_url_is_taken_apart(url: str, origin: Origin, host: str, path: str) -> None:
    at = endpoint(url)
    assert (at.origin, at.host, at.path) == (origin, host, path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "must begin with http"),
        ("api.openai.com/v1", "must begin with http"),
        ("ftp://h/v1", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("http://", "must begin with http"),
        ("http:///v1", "must begin with http"),
        ("https://me:hunter2@h/v1", "must not hold a user"),
        ("https://me@h/v1", "must not hold a user"),
        ("https://h/v1?key=hunter2", "must not have a query"),
        ("https://h/v1?", "must not have a query"),
        ("https://h/v1#x", "must not have a query"),
        ("https://h:0/v1", "port 0"),
        ("https://h:99999/v1", "is not a URL"),
        ("https://h:x/v1", "is not a URL"),
        ("https://[::1/v1", "is not a URL"),
        ("https://h h/v1", "no host name"),
        ("https://h%0d%0a/v1", "no host name"),
        ("https://-h/v1", "no host name"),
        (f"https://{'h' * 254}/v1", "no host name"),
        ("https://h/a b", "blank"),
        ("https://h/a\\b", "backslash"),
        ("https://h/../v1", "'..' step"),
        ("https://h/./v1", "'.' or"),
    ],
)
def test_a_bad_url_is_refused_with_what_to_change(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        endpoint(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("key", ["sk-1\r\nx-evil: 1", "sk-1\n", "sk\0", "sk-é", "sk-😀", "\tsk", "sk-1 "])
def test_a_key_that_cannot_be_a_header_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="api_key") as refused:
        credential(Secret(key))
    assert key.strip() not in str(refused.value)


def test_no_key_is_no_key() -> None:
    assert credential(None) is credential(Secret("")) is None
    assert credential(Secret("sk-1")) == "sk-1"


def test_later_headers_go_over_earlier_ones_whatever_their_case() -> None:
    assert fields({"user-agent": "a"}, {"User-Agent": " b "}) == {"user-agent": "b"}


@pytest.mark.parametrize(
    "bad",
    [
        {"x y": "1"},
        {"x:": "1"},
        {"": "1"},
        {"x\r\n": "1"},
        {"x": "1\r\nhost: evil"},
        {"x": "\0"},
        {"x": "😀"},
        {"Host": "evil"},
        {"Content-Length": "1"},
        {"transfer-encoding": "chunked"},
        {"Connection": "close"},
    ],
)
def test_a_header_that_could_split_or_reframe_a_request_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="headers"):
        fields(bad)


def test_a_head_is_a_request_line_and_lines() -> None:
    made = render("POST", endpoint("http://h:81/v1"), "/x", {"a": "é"})
    assert made == b"POST /v1/x HTTP/1.1\r\nhost: h:81\r\na: \xe9\r\n"
