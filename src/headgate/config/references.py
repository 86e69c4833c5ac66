"""``${NAME}`` and ``${NAME:-default}`` in the text of a configuration; ``$${`` stands for a plain ``${``."""

import re
from collections.abc import Mapping

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
