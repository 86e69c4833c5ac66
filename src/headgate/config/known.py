"""The names that a configuration file may use without defining them, as they stand on this machine."""

from collections.abc import Iterable, Mapping

from headgate.alerts.kinds import KINDS as ALERTS
from headgate.config.types import Known
from headgate.guardrails.kinds import KINDS as GUARDRAILS
from headgate.models.table import Tables
from headgate.pipeline.order import optional_names, plugin_steps
from headgate.providers import kinds
from headgate.providers.catalog import PLACED, rows
from headgate.providers.discover import from_environment
from headgate.routing.kinds import KINDS


def known(environ: Mapping[str, str], *, providers: Iterable[str] = ()) -> Known:
    """Return them; *providers* are those found otherwise, such as a model server on this machine."""
    catalog = rows()
    return Known(
        kinds=kinds(),
        needs_base_url=frozenset(kind for kind, row in catalog.items() if row.base_url is None) - PLACED,
        providers=frozenset(("sandbox", *from_environment(environ), *providers)),
        variables={kind: row.key_env[0] for kind, row in catalog.items() if row.key_env},
        models=Tables(),
        steps=optional_names(plugin_steps()),
        strategies=KINDS,
        guardrails=GUARDRAILS,
        alerts=ALERTS,
    )
