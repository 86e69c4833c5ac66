"""``/doctor``: for who runs the whole gateway alone."""

import msgspec

from headgate.alerts.explain import Finding

DOCTOR = "/api/v1/doctor"


async def test_the_worst_is_on_top_and_a_tenant_sees_nothing(api):
    found = [Finding("disk", "ok", "5 GB free"), Finding("journal", "warn", "it is behind", "look at it")]
    api.http._transport.app.state.parts = msgspec.structs.replace(api.parts, findings=lambda: found)
    told = (await api.ask("GET", DOCTOR)).json()
    assert told["state"] == "warn"
    assert told["data"][1] == {"check": "journal", "state": "warn", "words": "it is behind", "do": "look at it"}
    for who in ("other", "key"):
        assert (await api.ask("GET", DOCTOR, who)).status_code == 403
