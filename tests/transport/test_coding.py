"""Content codings, piece by piece and within bounds."""

import gzip
import random
import zlib

import pytest

from headgate.transport.coding import MAX_MEMBERS, MAX_RATIO, PIECE, RATIO_FROM, BadCoding, Inflater, inflater


def inflate(data: bytes, coding: bytes = b"gzip", step: int = 1 << 16, most: int = PIECE) -> bytes:
    decoder = Inflater(coding)
    out = b""
    for i in range(0, len(data), step):
        decoder.feed(data[i : i + step])
        while piece := decoder.take(most):
            assert len(piece) <= most
            out += piece
    decoder.finish()
    return out


@pytest.mark.parametrize("step", [1, 7, 1 << 16])
@pytest.mark.parametrize("most", [1, 100, PIECE])
def test_any_cut(step: int, most: int) -> None:
    text = random.Random(1).randbytes(2000) + bytes(3000)
    assert inflate(gzip.compress(text, mtime=0), b"gzip", step, most) == text
    assert inflate(zlib.compress(text), b"deflate", step, most) == text
    assert (
        inflate(
            gzip.compress(b"", mtime=0) + gzip.compress(text, mtime=0) + gzip.compress(b"", mtime=0),
            b"gzip",
            step,
            most,
        )
        == text
    )


def test_nothing_is_whole() -> None:
    assert inflate(b"") == b""
    assert inflate(gzip.compress(b"", mtime=0)) == b""


@pytest.mark.parametrize(
    "data", [b"\x1f", gzip.compress(b"hello", mtime=0)[:-1], gzip.compress(b"hello", mtime=0) + b"\x1f\x8b"]
)
def test_incomplete(data: bytes) -> None:
    with pytest.raises(BadCoding, match="incomplete"):
        inflate(data)


@pytest.mark.parametrize(
    "data", [b"hello", gzip.compress(b"hello", mtime=0) + b"more", gzip.compress(b"x", mtime=0)[:-8] + bytes(8)]
)
def test_corrupt(data: bytes) -> None:
    with pytest.raises(BadCoding, match="corrupt"):
        inflate(data)


def test_ratio() -> None:
    """Any ratio is let pass in a short text, and only a likely one in a long one."""
    assert len(inflate(gzip.compress(bytes(RATIO_FROM)))) == RATIO_FROM
    with pytest.raises(BadCoding, match="measure"):
        inflate(gzip.compress(bytes(RATIO_FROM + PIECE)))
    likely = random.Random(1).randbytes(1 << 18)
    likely = likely + bytes(len(likely) * (MAX_RATIO - 10))
    assert inflate(gzip.compress(likely, mtime=0), step=1 << 20) == likely


def test_members() -> None:
    assert inflate(gzip.compress(b"x", mtime=0) * MAX_MEMBERS) == b"x" * MAX_MEMBERS
    with pytest.raises(BadCoding, match="parts"):
        inflate(gzip.compress(b"x", mtime=0) * (MAX_MEMBERS + 1))


def test_names() -> None:
    assert inflater(None) is None
    assert inflater(b"") is None
    assert inflater(b" Identity ") is None
    assert inflater(b"GZIP") is not None
    for name in (b"br", b"zstd", b"gzip, gzip", b"compress", b"\xff"):
        with pytest.raises(BadCoding, match="not asked for"):
            inflater(name)
