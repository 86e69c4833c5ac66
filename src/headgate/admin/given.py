"""What a tenant has of its own asks no models but those that the tenant was given: said when it is written.

What cannot be known then is refused when it is asked (``pipeline.ask``).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from headgate.access.types import Principal
from headgate.config.compile import Compiled
from headgate.core.errors import BadRequest, HeadgateError
from headgate.pipeline.grants import is_bound, may_advise, of_tenant
from headgate.storage.tenancy_rows import TenantRow

HERE = ("lexical", "minilm")
"""Embeddings that no model of a provider makes."""
_names = msgspec.json.Decoder(frozenset[str])


def within_given(tenant: TenantRow, kind: str, name: str, config: Mapping[str, Any], made: Compiled) -> None:
    """Raise ``BadRequest`` naming the field where the *tenant*'s object would ask a model that it was not given.

    *made* is what would be in force with it. A model that is nowhere is told in the same words.
    """
    models = _names.decode(tenant.models)
    who = Principal(
        kind="key",
        id="",
        tenant_id=tenant.id,
        name="",
        allotted=models,
        narrowed=(models,) if models else (),
        catalogue=_names.decode(tenant.catalogue),
        providers=_names.decode(tenant.providers) or None,
    )
    if not is_bound(who):
        return
    table = made.snapshot.table_of(tenant.id)
    for field, model in asked(kind, config):
        try:
            given = of_tenant(who, table.resolve(model), model)
        except HeadgateError:
            given = ()
        if not given:
            raise _not_given(field, model)
    if kind == "route" and (policy := table.routes[name].policy) is not None:
        for counsel in policy.counsels:
            for field in counsel.strategy.accounts:
                if not may_advise(who, account := getattr(counsel.strategy, field)):
                    raise _not_given("strategy", f"{account}/*")


def asked(kind: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each field of a checked object that names a model to be asked, and that name."""
    if kind == "guardrail":
        fields = ["to"] if config.get("kind") != "judge" else ["to", "model"]
    else:
        fields = {"cache": ["semantic.embedding"], "route": ["fan_out.judge", "shadow.judge"]}.get(kind, [])
    for field in fields:
        value: Any = config
        for part in field.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value not in HERE:
            yield field, value


def _not_given(field: str, name: str) -> BadRequest:
    return BadRequest(
        f"config.{field} asks {name[:200]!r}, which is not among what this tenant was given: name one that is, or have "
        "who runs the gateway share this one with all tenants.",
        code="invalid_value",
        param=f"config.{field}",
    )
