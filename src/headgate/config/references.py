"""``${NAME}`` and ``${NAME:-default}`` in the text of a configuration; ``$${`` stands for a plain ``${``.

A secret may be ``file:/path`` too: the content of a file that holds nothing else.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from headgate.core.reference import FILE

MAX_SECRET = 65_536
REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")


def expand(text: str, environ: Mapping[str, str]) -> tuple[str, list[str], bool]:
    """Return the text with its references replaced, what is wrong with them, and whether any variable was read.

    As in a shell, a default is taken where the variable is unset or empty. A problem names the variable only: what
    any variable holds is never repeated.
    """
    if "${" not in text:
        return text, [], False
    problems: list[str] = []
    read = False

    def value(match: re.Match[str]) -> str:
        nonlocal read
        name, default = match[1], match[2]
        if match[0] == "$${":
            return "${"
        if name is None:
            problems.append("`${` must be followed by a variable's name and `}`; write `$${` for these two characters")
            return ""
        read = True
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            problems.append(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
        return environ.get(name, "")

    return REFERENCE.sub(value, text), problems, read


def secret_file(text: str) -> Path | None:
    """Return the file that a secret's text names, ``None`` where the text is the secret itself."""
    return named_file(text.removeprefix(FILE)) if text.startswith(FILE) else None


def named_file(path: str) -> Path:
    """Return the file at *path*, where ``~`` is a home; nobody's stays as it is written, which is no whole path."""
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def from_file(file: Path) -> str:
    """Return the secret in *file*, without the line break at its end; raise ``ValueError`` saying what is wrong.

    What the file holds is never repeated.
    """
    if not file.is_absolute():
        raise ValueError(f"`{FILE}` takes a whole path, such as {FILE}/run/secrets/key")
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_SECRET + 1)
    except OSError as error:
        raise ValueError(f"the secret's file {file} cannot be read: {error.strerror or 'no reason given'}") from None
    if len(data) > MAX_SECRET:
        raise ValueError(f"the secret's file {file} is larger than {MAX_SECRET:,} bytes")
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the secret's file {file} is not UTF-8 text") from None
    if not text.strip():
        raise ValueError(f"the secret's file {file} is empty")
    return text
