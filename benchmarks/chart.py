"""The chart: CPU per unit of work, one bar a target, on a logarithmic scale; plain SVG without any library."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from .cases import BY_NAME
from .results import Result

PANELS = ("small", "large", "stream")
WIDTH, LABELS, VALUES = 920, 130, 150  # pixels; room for names on the left, for figures on the right
BAR, GAP, HEAD, FOOT = 20, 8, 52, 34
OWN, OTHER, INK, QUIET, LINE = "#0b6e4f", "#9db4c0", "#1d2a33", "#5c6b73", "#e3e8eb"
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, sans-serif'"


def draw(results: Mapping[str, Result]) -> str:
    """SVG text of one panel per load that was measured."""
    top = 64
    parts: list[str] = []
    for case in PANELS:
        rows = rows_of(results, case)
        if rows:
            parts.append(panel(case, rows, top))
            top += HEAD + len(rows) * (BAR + GAP) + FOOT
    title = text(24, 36, "What a request costs: CPU of the whole gateway", 20, INK, "600")
    size = f"width='{WIDTH}' height='{top}' viewBox='0 0 {WIDTH} {top}'"
    canvas = f"<rect width='{WIDTH}' height='{top}' fill='#ffffff'/>"
    body = "\n".join([canvas, title, *parts])
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} role='img' {FONT}>\n{body}\n</svg>\n"


def rows_of(results: Mapping[str, Result], case: str) -> list[tuple[str, float, float, float]]:
    """Name, median, least and greatest of each target, the cheapest first; the mock itself is no gateway."""
    found = []
    for name, result in results.items():
        middle = result.middle(case)
        if middle and name != "direct":
            found.append((name, middle.median, middle.least, middle.greatest))
    return sorted(found, key=lambda row: row[1])


def panel(case: str, rows: Sequence[tuple[str, float, float, float]], top: int) -> str:
    low = 10 ** math.floor(math.log10(min(row[2] for row in rows)))
    high = 10 ** math.ceil(math.log10(max(row[3] for row in rows) * 1.0001))
    room = WIDTH - LABELS - VALUES - 24

    def x(value: float) -> float:
        return LABELS + room * math.log10(value / low) / math.log10(high / low)

    unit = BY_NAME[case].unit
    parts = [text(24, top + 18, BY_NAME[case].title, 15, INK, "600")]
    parts.append(text(24, top + 36, f"{unit}, logarithmic; less is better", 12, QUIET))
    bottom = top + HEAD + len(rows) * (BAR + GAP)
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        at = x(10**power)
        parts.append(f"<line x1='{at:.1f}' y1='{top + HEAD - 6}' x2='{at:.1f}' y2='{bottom}' stroke='{LINE}'/>")
        parts.append(text(at, bottom + 14, f"{10.0**power:,g}", 11, QUIET, anchor="middle"))
    floor = next((row[1] for row in rows if row[0] == "nginx"), None)
    for index, (name, middle, least, greatest) in enumerate(rows):
        y = top + HEAD + index * (BAR + GAP)
        own = name == "headgate"
        baseline = y + BAR * 0.72
        parts.append(text(LABELS - 10, baseline, name, 13, INK, "600" if own else "400", "end"))
        parts.append(
            f"<rect x='{LABELS}' y='{y}' width='{max(x(middle) - LABELS, 2):.1f}' height='{BAR}' rx='2' "
            f"fill='{OWN if own else OTHER}'/>"
        )
        if greatest > least:
            centre = y + BAR / 2
            parts.append(
                f"<line x1='{x(least):.1f}' y1='{centre}' x2='{x(greatest):.1f}' y2='{centre}' stroke='{INK}'/>"
            )
        times = f"  ({middle / floor:,.1f} x nginx)" if floor and name != "nginx" else ""
        value = f"{middle:,.0f}" if middle >= 100 else f"{middle:.3g}"
        right = max(x(middle), x(greatest)) + 8
        parts.append(text(right, baseline, value + times, 12, INK, "600" if own else "400"))
    return "\n".join(parts)


def text(x: float, y: float, words: str, size: int, colour: str, weight: str = "400", anchor: str = "start") -> str:
    style = f"font-size='{size}' font-weight='{weight}' fill='{colour}' text-anchor='{anchor}'"
    style += " paint-order='stroke' stroke='#ffffff' stroke-width='3'"  # readable where it crosses a line
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(words)}</text>"
