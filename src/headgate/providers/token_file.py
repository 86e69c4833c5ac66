"""A token in a file that somebody else writes and renews: read anew each time that it is needed."""

from pathlib import Path

MAX_TOKEN = 64 * 1024


def read_token(path: str, variable: str) -> str:
    """Return the token in the file at *path*; raise ``ValueError``, naming the *variable* that names the file."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_TOKEN + 1)
    except OSError as error:
        why = error.strerror or "no reason given"
    else:
        if len(data) <= MAX_TOKEN and data.isascii():
            return data.decode().strip()
        why = f"it is no token, text of at most {MAX_TOKEN:,} bytes"
    raise ValueError(f"the file that {variable} names cannot be read: {why}")
