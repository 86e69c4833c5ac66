"""Personal data that has a form: addresses, numbers and accounts that can be checked, offline and in linear time."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal

from msgspec import field

from headgate.guardrails import contact, national, numbers
from headgate.guardrails.patterned import Named, Patterned, only_with_digits
from headgate.guardrails.scan import Finder

Kind = Literal[
    "email", "phone", "card", "iban", "national_id", "ip", "mac", "url",
    "us_ssn", "us_itin", "uk_nino", "uk_nhs", "de_tax", "fr_nir", "es_dni", "it_cf", "nl_bsn", "pl_pesel", "br_cpf",
    "in_aadhaar", "in_pan", "ca_sin", "au_tfn", "se_pnr", "no_fnr", "dk_cpr", "fi_hetu", "be_nrn", "ch_ahv", "pt_nif",
    "cn_id", "kr_rrn", "tr_kimlik", "za_id", "mx_curp",
]  # fmt: skip
USUAL: tuple[Kind, ...] = ("email", "phone", "card", "iban", "national_id")
SIMPLE: dict[str, Finder] = {
    "email": contact.emails,
    "phone": only_with_digits(contact.phones, contact.MIN_DIGITS),
    "card": only_with_digits(numbers.cards, 12),
    "iban": only_with_digits(numbers.ibans, 2),
    "ip": contact.addresses,
    "mac": contact.macs,
    "url": contact.urls,
}
_SIGNS = re.compile(r"[0-9@:]")
FEWEST_DIGITS = 4
"""A number of a state has at least so many digits."""


class Pii(Patterned, frozen=True, kw_only=True):
    """Personal data with a form. Names and postal addresses have none: see the kind ``names``."""

    types: list[Kind] = field(default_factory=list)
    """What to look for; empty means e-mail, phone, card, IBAN and every country's ``national_id``."""
    reversible: bool = False
    """With ``action: mask``: the model sees placeholders, and the caller gets the originals back in the answer."""

    def finders(self) -> Named:
        """See ``Patterned``."""
        return _finders(tuple(self.types) or USUAL)

    def may_hold(self, text: str, start: int) -> bool:
        """See ``Patterned``: all that it looks for has a digit in it, or a sign of an address."""
        return _SIGNS.search(text, start) is not None

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        if self.reversible and self.action != "mask":
            yield "reversible", "only what is masked can be put back: set `action: mask`"


@cache
def _finders(types: tuple[str, ...]) -> Named:
    found: list[tuple[str, Finder]] = []
    for name in types:
        if name in SIMPLE:
            found.append((name, SIMPLE[name]))
        else:
            kinds = national.IDS if name == "national_id" else (name,)
            found += [(kind, only_with_digits(national.finder(kind), FEWEST_DIGITS)) for kind in kinds]
    return tuple(dict(found).items())
