"""CSV that a spreadsheet shows as it is: no cell of it is ever taken for a formula."""

from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def line(cells: Iterable[object]) -> str:
    """Return one line (RFC 4180). Text that a spreadsheet might run gets an apostrophe in front; numbers do not."""
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA) and not _is_number(text):
        text = "'" + text
    if any(c in text for c in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isascii() and text[0] in "+-" and text[1:].replace(".", "", 1).isdigit()
