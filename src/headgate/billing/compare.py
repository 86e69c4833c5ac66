"""What a provider says and what we say of the same days, side by side; and what follows for charges in doubt."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from html import escape
from typing import Any

import msgspec

from headgate.billing.exports import KINDS, Told, plain
from headgate.billing.page import document, money
from headgate.billing.resolve import CALLED, Caller, resolve, scope_of
from headgate.core.money import usd
from headgate.storage.budget_rows import BudgetRow
from headgate.storage.imports import Charged, Correction, Ours

EPOCH = date(1970, 1, 1).toordinal()
WIDTH, HEIGHT, FOOT = 768, 200, 22
OURS, THEIRS = "#3b6fd4", "#e08a2e"


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of one model on one UTC day; ``theirs`` is ``None`` where the provider does not say."""

    day: str
    model: str
    kind: str
    ours: int
    theirs: int | None

    @property
    def drift(self) -> int | None:
        """How much more we counted than the provider did."""
        return None if self.theirs is None else self.ours - self.theirs


def day_number(day: str) -> int:
    """Return days since 1970."""
    return date.fromisoformat(day).toordinal() - EPOCH


def span(told: Sequence[Told]) -> tuple[int, int]:
    """Return the first day that a provider tells of, and the one after the last."""
    days = [day_number(one.day) for one in told]
    return min(days), max(days) + 1


def compare(ours: Iterable[Ours], told: Sequence[Told]) -> list[Drift]:
    """Return every kind of every day and model that one of both tells of, those that a provider is silent on apart."""
    mine: dict[tuple[str, str], dict[str, int]] = {}
    for one in ours:
        sums = mine.setdefault(
            (date.fromordinal(one.day + EPOCH).isoformat(), plain(one.model)), dict.fromkeys(KINDS, 0)
        )
        for kind in KINDS:
            sums[kind] += getattr(one, kind)
    theirs: dict[tuple[str, str], dict[str, int]] = {}
    for line in told:
        sums = theirs.setdefault((line.day, plain(line.model)), {})
        for kind in KINDS:
            if (value := getattr(line, kind)) is not None:
                sums[kind] = sums.get(kind, 0) + value
    stated = {kind for sums in theirs.values() for kind in sums}
    found = []
    for day, model in sorted(mine.keys() | theirs.keys()):
        for kind in KINDS:
            if kind in stated:
                own = mine.get((day, model), {}).get(kind, 0)
                found.append(
                    Drift(day=day, model=model, kind=kind, ours=own, theirs=theirs.get((day, model), {}).get(kind))
                )
    return found


def totals(drifts: Iterable[Drift]) -> list[Drift]:
    """Return the sums of all days."""
    sums: dict[tuple[str, str], list[int]] = {}
    for one in drifts:
        found = sums.setdefault((one.model, one.kind), [0, 0])
        found[0] += one.ours
        found[1] += one.theirs or 0
    return [
        Drift(day="", model=model, kind=kind, ours=ours, theirs=theirs)
        for (model, kind), (ours, theirs) in sums.items()
    ]


def corrections(
    charges: Sequence[Charged], ours: Sequence[Ours], told: Sequence[Told], budgets: Sequence[BudgetRow]
) -> list[Correction]:
    """Return what charges in doubt are corrected by.

    What the provider charged for a day and model, less what we are sure of, is what those in doubt really cost, at
    least nothing and at most what was held; it is shared out by what was held, to the last unit.
    """
    costs = {(day_number(one.day), plain(one.model)): one.cost_nano for one in told if one.cost_nano is not None}
    sure: dict[tuple[int, str], int] = {}
    for mine in ours:
        key = (mine.day, plain(mine.model))
        sure[key] = sure.get(key, 0) + mine.cost_nano - mine.uncertain_nano
    groups: dict[tuple[int, str], list[Charged]] = {}
    for charge in charges:
        groups.setdefault((charge.at // 86_400_000_000, plain(charge.target)), []).append(charge)
    found = []
    for key, group in groups.items():
        cost = costs.get(key)
        if cost is None:
            continue
        held = [charge.nano for charge in group]
        really = min(max(cost - sure.get(key, 0), 0), sum(held))
        for charge, nano in zip(group, shared(really, held), strict=True):
            if nano != charge.nano:
                found.append(_correction(charge, nano, budgets))
    return found


def shared(total: int, by: Sequence[int]) -> list[int]:
    """Return *total* in parts as *by* has them, to the last unit.

    >>> shared(10, [1, 1, 1])
    [4, 3, 3]
    """
    whole = sum(by)
    if not whole:
        return [0] * len(by)
    parts = [total * one // whole for one in by]
    left = total - sum(parts)
    order = sorted(range(len(by)), key=lambda n: (-(total * by[n] % whole), n))
    for number in order[:left]:
        parts[number] += 1
    return parts


def _correction(charge: Charged, nano: int, budgets: Sequence[BudgetRow]) -> Correction:
    tokens = charge.tokens * nano // charge.nano
    return Correction(
        charge=charge,
        nano=nano - charge.nano,
        tokens=tokens - charge.tokens,
        scopes=tuple(scopes(charge, budgets)),
    )


def scopes(charge: Charged, budgets: Sequence[BudgetRow]) -> list[str]:
    """Return the scopes that a charge counts under."""
    caller = Caller(
        tenant_id=charge.tenant_id,
        team_id=charge.team_id,
        app_id=charge.app_id,
        user_id=charge.user_id,
        key_id=charge.key_id,
    )
    found = {scope_of("tenant", charge.tenant_id), charge.key_id}
    found |= {scope_of(kind, id) for kind in ("team", "app", "user") if (id := caller.get(kind)) is not None}
    told: dict[str, tuple[str, ...]] = {
        "end_user": (charge.end_user,) if charge.end_user else (),
        "tag": tuple(msgspec.json.decode(charge.tags)) if charge.tags else (),
        "model": (charge.target,),
        "provider": (charge.target.partition("/")[0],),
    }
    for budget in resolve(budgets, caller):
        if all(kind not in CALLED or value in told[kind] for kind, value in budget.when):
            found |= {f"{budget.scope}:{value}" for value in told[budget.each]} if budget.each else {budget.scope}
    return sorted(found)


def page(provider: str, drifts: Sequence[Drift]) -> str:
    """Return a comparison as a page: a chart of the cost by day, and a table of all days together."""
    days = sorted({one.day for one in drifts})
    title = f"{provider}: what it says, and what we counted"
    body = [
        f"<h1>{escape(title)}</h1><p class=soft>{days[0]} to {days[-1]}, UTC days</p>" if days else "",
        _chart(drifts),
        "<h2>All days together</h2><table><thead><tr><th>Model<th>Kind<th>Ours<th>Theirs<th>Drift</thead><tbody>",
        *map(_row, totals(drifts)),
        "</tbody></table><p class=note>Drift is how much more we counted than the provider did.</p>",
    ]
    return document(title, "".join(body))


def _row(one: Drift) -> str:
    def shown(value: int | None) -> str:
        if value is None:
            return ""
        return money(usd(value)) if one.kind == "cost_nano" else f"{value:,}"

    share = f" ({Decimal(100 * (one.drift or 0)) / one.theirs:+.2f}%)" if one.theirs else ""
    kind = {"cost_nano": "USD", "cache_write": "cache write"}.get(one.kind, one.kind)
    cells = (kind, shown(one.ours), shown(one.theirs), shown(one.drift) + share)
    return f"<tr><td>{escape(one.model or 'all models')}" + "".join(f"<td>{cell}" for cell in cells)


def _chart(drifts: Sequence[Drift]) -> str:
    """Two bars a day: of the cost where the provider tells it, else of the tokens."""
    kinds = ("cost_nano",) if any(one.kind == "cost_nano" for one in drifts) else ("input", "output")
    by_day: dict[str, list[int]] = {}
    for one in drifts:
        if one.kind in kinds:
            found = by_day.setdefault(one.day, [0, 0])
            found[0] += one.ours
            found[1] += one.theirs or 0
    top = max((max(pair) for pair in by_day.values()), default=0)
    if not top:
        return ""
    step = WIDTH / len(by_day)
    parts = [f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role=img aria-label="ours and theirs by day">']
    every = -(-len(by_day) // 10)
    for number, (day, pair) in enumerate(sorted(by_day.items())):
        for place, (value, color) in enumerate(zip(pair, (OURS, THEIRS), strict=True)):
            high = (HEIGHT - FOOT - 4) * max(value, 0) / top
            x = step * number + step * (0.12 + 0.38 * place)
            told = usd(value) + " USD" if kinds == ("cost_nano",) else f"{value:,} tokens"
            where = f'x="{x:.1f}" y="{HEIGHT - FOOT - high:.1f}" width="{step * 0.36:.1f}" height="{high:.1f}"'
            parts.append(
                f'<rect {where} fill="{color}"><title>{day}, {("ours", "theirs")[place]}: {told}</title></rect>'
            )
        if number % every == 0:
            where = f'x="{step * number + step / 2:.1f}" y="{HEIGHT - 6}"'
            parts.append(f'<text {where} text-anchor=middle font-size=11 fill="#5b6570">{day[5:]}</text>')
    legend = f'<p class=soft><span style="color:{OURS}">■</span> ours <span style="color:{THEIRS}">■</span> theirs</p>'
    return "".join(parts) + f"</svg></figure>{legend}"


def told(one: Drift) -> dict[str, Any]:
    """Return a line as JSON has it."""
    money_kind = one.kind == "cost_nano"

    def shown(value: int | None) -> Any:
        return usd(value) if money_kind and value is not None else value

    return {
        "day": one.day, "model": one.model, "kind": "cost_usd" if money_kind else one.kind, "ours": shown(one.ours),
        "theirs": shown(one.theirs), "drift": shown(one.drift),
    }  # fmt: skip
