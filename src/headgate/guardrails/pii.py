"""Personal data that has a form: addresses, numbers and accounts that can be checked, offline and in linear time."""

import re
from collections.abc import Iterator
from functools import cache
from typing import ClassVar, Literal

from msgspec import field

from headgate.guardrails import contact, national, numbers
from headgate.guardrails.patterned import Patterned
from headgate.guardrails.scan import APART, LETTERS, Finder

Kind = Literal[
    "email", "phone", "card", "iban", "national_id", "ip", "mac", "url",
    "us_ssn", "us_itin", "uk_nino", "uk_nhs", "de_tax", "fr_nir", "es_dni", "it_cf", "nl_bsn", "pl_pesel", "br_cpf",
    "in_aadhaar", "in_pan", "ca_sin", "au_tfn", "se_pnr", "no_fnr", "dk_cpr", "fi_hetu", "be_nrn", "ch_ahv", "pt_nif",
    "cn_id", "kr_rrn", "tr_kimlik", "za_id", "mx_curp",
]  # fmt: skip
USUAL: tuple[Kind, ...] = ("email", "phone", "card", "iban", "national_id")
SIMPLE: dict[str, tuple[Finder, int]] = {
    "email": (contact.emails, 0),
    "phone": (contact.phones, contact.MIN_DIGITS),
    "card": (numbers.cards, 12),
    "iban": (numbers.ibans, 7),
    "ip": (contact.addresses, 0),
    "mac": (contact.macs, 0),
    "url": (contact.urls, 0),
}
"""Kind -> what finds it, and how many digits a text has at least that holds one."""
_SIGNS = re.compile(r"[0-9@:]")
_DIGITS = re.compile(r"[0-9]")
MANY = 6
_CLOSE = re.compile(r"[0-9](?:[^0-9]{0,4}[0-9]){5}")
"""So many digits close together, as every number has that has that many."""


class Pii(Patterned, frozen=True, kw_only=True):
    """Personal data with a form. Names and postal addresses have none: see the kind ``names``."""

    calm: ClassVar[re.Pattern[str] | None] = re.compile(f"[{LETTERS}{APART}.!?'-]*")

    types: list[Kind] = field(default_factory=list)
    """What to look for; empty means e-mail, phone, card, IBAN and every country's ``national_id``."""
    reversible: bool = False
    """With ``action: mask``: the model sees placeholders, and the caller gets the originals back in the answer."""

    def search(self, text: str, start: int) -> list[tuple[int, int, str]]:
        """See ``Patterned``."""
        if _SIGNS.search(text, start) is None:
            return []
        digits = len(_DIGITS.findall(text, start))
        if digits >= MANY and _CLOSE.search(text, start) is None:
            digits = MANY - 1
        return [
            (s, e, name)
            for name, finder, least in _finders(tuple(self.types) or USUAL)
            if digits >= least
            for s, e in finder(text, start)
        ]

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        if self.reversible and self.action != "mask":
            yield "reversible", "only what is masked can be put back: set `action: mask`"


@cache
def _finders(types: tuple[str, ...]) -> tuple[tuple[str, Finder, int], ...]:
    found: dict[str, tuple[str, Finder, int]] = {}
    for name in types:
        if name in SIMPLE:
            found[name] = (name, *SIMPLE[name])
            continue
        for kind in national.IDS if name == "national_id" else (name,):
            found[kind] = (kind, national.finder(kind), national.IDS[kind].digits)
    return tuple(found.values())
