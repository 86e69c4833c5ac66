"""Personal data by its form: what is found, and what only looks like it."""

import pytest
from benchmarks.guardrails import sets
from benchmarks.guardrails.measure import pii_scores

from headgate.guardrails import numbers
from headgate.guardrails.national import IDS
from headgate.guardrails.pii import Pii

FOUND = {
    "email": ["jane@corp.example", "a.b+c@sub.example.co.uk", "RENÉ@exemple.fr", "x_y-z@xn--bcher-kva.example"],
    "phone": ["+49 30 1234567", "(212) 555-0199", "212-555-0199", "+1-903-140-4508x769", "call me on 9472 7916", "Tel: 0490 39 07 81"],
    "card": ["4111 1111 1111 1111", "4111111111111111", "3782-822463-10005", "5500 0000 0000 0004", "６０１１０００９９０１３９４２４"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "fr1420041010050500013m02606", "NO93 8601 1117 947"],
    "ip": ["10.1.2.3", "fe80::1ff:fe23:4567:890a", "2001:db8:0:0:0:0:2:1"],
    "mac": ["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e"],
    "url": ["https://corp.example/a?b=1", "ftp://x.example/y"],
    "us_ssn": ["078-05-1120", "my ssn is 219099999"],
    "us_itin": ["912-70-1234"],
    "uk_nino": ["AB 12 34 56 C", "ab123456c"],
    "uk_nhs": ["NHS number 943 476 5919"],
    "de_tax": ["Steuer-ID 86095742719", "86 095 742 719"],
    "fr_nir": ["1 85 05 78 006 084 91", "2 55 08 14 168 025 38"],
    "es_dni": ["12345678Z", "X1234567L"],
    "it_cf": ["RSSMRA85T10A562S"],
    "nl_bsn": ["BSN 111222333"],
    "pl_pesel": ["44051401359"],
    "br_cpf": ["529.982.247-25", "52998224725"],
    "in_aadhaar": ["2341 2341 2346"],
    "in_pan": ["PAN: ABCPE1234F"],
    "ca_sin": ["SIN 130 692 544"],
    "au_tfn": ["TFN 123 456 782"],
    "se_pnr": ["811228-9874"],
    "no_fnr": ["01010750160"],
    "dk_cpr": ["CPR 070761-4285"],
    "fi_hetu": ["131052-308T"],
    "be_nrn": ["85.07.30-033.28"],
    "ch_ahv": ["756.9217.0769.85"],
    "pt_nif": ["NIF 123456789"],
    "cn_id": ["11010519491231002X"],
    "kr_rrn": ["900101-1234568"],
    "tr_kimlik": ["10000000146"],
    "za_id": ["8001015009087"],
    "mx_curp": ["HEGG560427MVZRRL04"],
}  # fmt: skip
NOT_FOUND = {
    "email": ["me at corp", "@handle", "a@b", "user@localhost", "x@y..com"],
    "phone": ["in 2024-05-01", "version 10.2.3.4", "5 000 000 people", "078-05-1120", "order 1234567890", "1,234,567.89"],
    "card": ["4111 1111 1111 1112", "1234 5678 9012 3456", "0000000000000000", "12345678901234567890123", "x4111111111111111"],
    "iban": ["DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "GB82WEST1234569876543"],
    "ip": ["1.2.3", "999.1.1.1", "v1.2.3.4.5", "12:30:45", "::"],
    "mac": ["00:1A:2B:3C:4D", "12:34:56:78"],
    "us_ssn": ["000-12-3456", "666-12-3456", "912-12-3456", "219099999"],
    "de_tax": ["86095742718", "12345678901"],
    "es_dni": ["12345678A"],
    "pl_pesel": ["44051401358", "44991401359"],
    "br_cpf": ["111.111.111-11", "529.982.247-24"],
    "in_aadhaar": ["2341 2341 2345"],
    "fr_nir": ["1 85 05 78 006 084 92"],
    "it_cf": ["RSSMRA85T10A562T"],
    "se_pnr": ["811228-9873"],
    "uk_nino": ["BG 12 34 56 C", "AB 12 34 56 E"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in FOUND.items() for t in texts])
def test_found(kind: str, text: str) -> None:
    guard = Pii(types=[kind])  # type: ignore[list-item]
    for framed in (text, f"Well, {text}.", f'("{text}")', f"{text}\nnext line"):
        found = guard.find(framed)
        assert [name for _, _, name in found] == [kind], framed
        start, end, _ = found[0]
        assert framed[start:end] in text


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in NOT_FOUND.items() for t in texts])
def test_not_found(kind: str, text: str) -> None:
    assert Pii(types=[kind]).find(f"Well, {text} it is.") == []  # type: ignore[list-item]


def test_every_kind_of_number_is_tried() -> None:
    assert set(IDS) <= set(FOUND)


@pytest.mark.parametrize(
    "hidden", ["jane\u200b@corp.exa\u00admple", "ｊａｎｅ＠ｃｏｒｐ．ｅｘａｍｐｌｅ", "jane@corp.example"]
)
def test_odd_letters_hide_nothing(hidden: str) -> None:
    (found,) = Pii(types=["email"]).find(f"To {hidden}!")
    assert f"To {hidden}!"[found[0] : found[1]] == hidden


def test_escapes_of_json_hide_nothing() -> None:
    text = r'{"to": "jane\u0040corp.example", "tab": "\t4111111111111111"}'
    found = Pii(types=["email", "card"]).find(text, 0, True)
    assert [text[s:e] for s, e, _ in found] == [r"jane\u0040corp.example", "4111111111111111"]


def test_sums() -> None:
    assert numbers.luhn("79927398713") and not numbers.luhn("79927398710")
    assert numbers.verhoeff("2363") and not numbers.verhoeff("2364")
    assert numbers.mod97("3214282912345698765432161182") == 1
    assert numbers.mod11_10("86095742719")


def test_the_figures_on_public_data() -> None:
    rows = sets.marked("pii_dev")
    if not rows:
        pytest.skip("the data is not here")
    for name, score in pii_scores(rows).items():
        assert score.f1 >= (0.90 if name == "phone" else 0.98), (name, score)
