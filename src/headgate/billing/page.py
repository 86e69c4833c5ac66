"""An invoice, a report or a comparison as a page: one file, with its style and its chart inside, for mail and print."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from html import escape
from typing import Any

STYLE = """
:root{color-scheme:light}
body{margin:0;background:#f4f5f7;color:#1b1f24;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:880px;margin:32px auto;background:#fff;padding:48px 56px;border-radius:10px;border:1px solid #e3e6ea}
header{display:flex;justify-content:space-between;gap:24px;align-items:flex-start;margin-bottom:28px}
h1{font-size:26px;line-height:1.2;margin:0 0 6px}h2{font-size:16px;margin:36px 0 10px}
p{margin:0}.soft{color:#5b6570}.sum{text-align:right}.sum b{display:block;font-size:30px;line-height:1.1}
table{width:100%;table-layout:fixed;border-collapse:collapse;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:right;color:#5b6570;border-bottom:1px solid #cfd5db;padding:6px 0 6px 14px;font-size:13px}
td{text-align:right;border-bottom:1px solid #eceff2;padding:7px 0 7px 14px;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0;width:40%;white-space:normal;overflow-wrap:anywhere}
tfoot td{font-weight:600;border-bottom:0}figure{margin:8px 0 0}svg{width:100%;height:auto;display:block}
.note{margin-top:36px;padding-top:16px;border-top:1px solid #e3e6ea;font-size:13px;color:#5b6570}
@media print{body{background:#fff}main{border:0;margin:0;padding:0;max-width:none}}
"""
TITLES = {"model": "By model", "team": "By team", "app": "By app", "user": "By user", "key": "By key", "tag": "By tag"}
NOBODY = {"team": "no team", "app": "no app", "user": "no user", "key": "no key", "tag": "no tag", "model": "no model"}
SHOWN = 50
"""Lines of a table on the page; JSON and CSV have them all."""
WIDTH, HEIGHT, FOOT, LEFT = 768, 190, 22, 56


def page(content: dict[str, Any]) -> str:
    """Return an invoice or a report."""
    period, summary = content["period"], content["summary"]
    report = content["kind"] == "report"
    about = content["subject"]["name"] if report else content["tenant"]["name"]
    title = f"Weekly report: {about}" if report else f"Invoice: {about}"
    last = date.fromisoformat(period["end"]) - timedelta(1)
    facts = f"{content['number']} · {period['first']} to {last} · {period['zone']}"
    parts = [
        f"<header><div><h1>{escape(title)}</h1><p class=soft>{escape(facts)}</p></div>",
        f"<div class=sum><b>{money(content['total_usd'])}</b><span class=soft>USD</span></div></header>",
        f"<p>{_words(content, summary)}</p>",
        "<h2>Day by day</h2>",
        chart([(one["day"], Decimal(one["billed_usd"])) for one in content["days"]]),
    ]
    for by, rows in content["tables"].items():
        parts += _table(by, rows)
    if content["adjustments"]:
        parts += _adjustments(content["adjustments"])
    parts.append(f"<p class=note>{_note(content)}</p>")
    return document(title, "".join(parts))


def document(title: str, body: str) -> str:
    """Return a page that needs nothing else."""
    return (
        '<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><main>{body}</main></html>"
    )


def chart(bars: Sequence[tuple[str, Decimal]], unit: str = "USD") -> str:
    """Return a bar for each name."""
    if not bars:
        return "<p class=soft>Nothing was used.</p>"
    top = nice(max(value for _, value in bars))
    step = Decimal(WIDTH - LEFT) / len(bars)
    scale = Decimal(HEIGHT - FOOT - 8) / top if top else Decimal(0)
    parts = [f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role=img aria-label="{escape(unit)} by day">']
    for part in (Decimal(0), Decimal("0.5"), Decimal(1)):
        y = HEIGHT - FOOT - scale * top * part
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e6ea"/>')
        label = f"{(top * part).normalize():f}"
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor=end font-size=11 fill="#5b6570">{label}</text>')
    every = -(-len(bars) // 10)
    for number, (name, value) in enumerate(bars):
        x, high = LEFT + step * number, scale * max(value, Decimal(0))
        where = f'x="{x + step / 8:.1f}" y="{HEIGHT - FOOT - high:.1f}"'
        parts.append(
            f'<rect {where} width="{step * 3 / 4:.1f}" height="{high:.1f}" '
            f'rx=2 fill="#3b6fd4"><title>{escape(name)}: {value} {escape(unit)}</title></rect>'
        )
        if number % every == 0:
            where = f'x="{x + step / 2:.1f}" y="{HEIGHT - 6}"'
            parts.append(f'<text {where} text-anchor=middle font-size=11 fill="#5b6570">{escape(name[5:])}</text>')
    return "".join(parts) + "</svg></figure>"


def nice(value: Decimal) -> Decimal:
    """Return a round figure that is not less.

    >>> [str(nice(Decimal(value))) for value in ("0", "0.07", "3.1", "812")]
    ['0', '0.1', '5', '1000']
    """
    if value <= 0:
        return Decimal(0)
    power = Decimal(10) ** value.adjusted()
    found = next(power * step for step in (1, 2, 5, 10) if power * step >= value)
    return Decimal(f"{found.normalize():f}")


def money(usd: str) -> str:
    """Return an amount as people read it: cents, or as many places as show something of it.

    >>> [money(usd) for usd in ("1234.567", "0.00012", "0")]
    ['1,234.57', '0.00012', '0.00']
    """
    value = Decimal(usd)
    cents = value.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return f"{cents:,}" if cents or not value else f"{value:f}"


def _words(content: dict[str, Any], summary: dict[str, Any]) -> str:
    found = f"{summary['calls']:,} calls, {summary['input']:,} tokens in and {summary['output']:,} out."
    if "earlier_usd" in content:
        found += f" The week before: {money(content['earlier_usd'])} USD."
    if summary["cost_usd"] != summary["billed_usd"]:
        found += f" What providers charge for it: {money(summary['cost_usd'])} USD."
    return escape(found)


def _table(by: str, rows: list[dict[str, Any]]) -> list[str]:
    if not rows or (len(rows) == 1 and not rows[0]["id"] and by != "model"):
        return []
    head = "<th>Name<th>Calls<th>Tokens in<th>Tokens out<th>USD"
    lines = [_row(row, NOBODY[by]) for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append(f"<tr><td class=soft>{len(rows) - SHOWN} more are in the JSON and CSV<td><td><td><td>")
    return [f"<h2>{TITLES[by]}</h2><table><thead><tr>{head}</thead><tbody>", *lines, "</tbody></table>"]


def _row(row: dict[str, Any], nobody: str) -> str:
    cells = (f"{row['calls']:,}", f"{row['input']:,}", f"{row['output']:,}", money(row["billed_usd"]))
    return f"<tr><td>{escape(row['name'] or nobody)}" + "".join(f"<td>{cell}" for cell in cells)


def _adjustments(rows: list[dict[str, Any]]) -> list[str]:
    lines = (f"<tr><td>{escape(row['model'])}<td>{escape(row['key_id'])}<td>{money(row['usd'])}" for row in rows)
    return ["<h2>Corrections</h2><table><thead><tr><th>Model<th>Key<th>USD</thead><tbody>", *lines, "</tbody></table>"]


def _note(content: dict[str, Any]) -> str:
    summary = content["summary"]
    found = []
    if summary["unpriced"]:
        found.append(f"{summary['unpriced']:,} calls went to models without a price and are in no amount.")
    if summary["uncertain"]:
        found.append(f"{summary['uncertain']:,} calls are charged in full: nobody knows what they used.")
    ledger = content.get("ledger")
    if ledger is not None:
        same = ledger["difference_usd"] == "0"
        found.append(
            "The ledger says the same to the last unit."
            if same
            else f"The ledger says {ledger['cost_usd']} USD, {ledger['difference_usd']} less than the calls."
        )
    return escape(" ".join(found) or "Amounts are in USD.")
