"""Pack tokenizers' rank files (`*.tiktoken`) as the package ships them: python scripts/pack_ranks.py FILE...

A rank file is lines of base64 and rank, with ranks in order from 0. Packed, it is the number of tokens (4 bytes,
little endian), one byte of length for each, then the tokens themselves, all compressed by xz: a third of the size, and
no base64 to undo when it is loaded. A file whose SHA-256 is not the published one is refused. Nothing is fetched.
"""

import base64
import hashlib
import lzma
import sys
from pathlib import Path

PUBLISHED = {
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d": "o200k_base",
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7": "cl100k_base",
}
"""SHA-256 of the file at openaipublic.blob.core.windows.net/encodings/NAME.tiktoken -> its name."""
DATA = Path(__file__).parent.parent / "src/headgate/models/data"


def packed(text: bytes) -> bytes:
    """Return the compressed form of a rank file's *text*."""
    tokens = []
    for rank, line in enumerate(text.splitlines()):
        token, number = line.split()
        if int(number) != rank:
            raise SystemExit(f"rank {rank} is missing")
        tokens.append(base64.b64decode(token))
    raw = len(tokens).to_bytes(4, "little") + bytes(map(len, tokens)) + b"".join(tokens)
    return lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)


def main(paths: list[str]) -> None:
    """Pack every file of *paths* into the package's data folder."""
    for path in paths:
        text = Path(path).read_bytes()
        name = PUBLISHED.get(hashlib.sha256(text).hexdigest())
        if name is None:
            raise SystemExit(f"{path} is not a rank file that this script knows")
        made = packed(text)
        (DATA / f"{name}.xz").write_bytes(made)
        sys.stdout.write(f"{name}: {len(text)} bytes became {len(made)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
