"""``headgate db upgrade``."""

import json


def test_upgrade_makes_the_schema_and_can_be_repeated(cli):
    first = json.loads(cli("db", "upgrade", "--json").stdout)
    assert (first["from"], first["to"]) == (None, "0002")
    assert first["database"] == str(cli.home / "headgate.db")
    again = json.loads(cli("db", "upgrade", "--json").stdout)
    assert again["from"] == again["to"] == "0002"
    assert "already" in cli("db", "upgrade").stdout
