"""``headgate db upgrade``."""

import json

from headgate.storage.upgrade import HEAD


def test_upgrade_makes_the_schema_and_can_be_repeated(cli):
    first = json.loads(cli("db", "upgrade", "--json").stdout)
    assert (first["from"], first["to"]) == (None, HEAD)
    assert first["database"] == str(cli.home / "headgate.db")
    again = json.loads(cli("db", "upgrade", "--json").stdout)
    assert again["from"] == again["to"] == HEAD
    assert "already" in cli("db", "upgrade").stdout
