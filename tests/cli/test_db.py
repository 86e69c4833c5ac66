"""``headgate db upgrade``."""

import json

from headgate.storage.upgrade import HEAD


def test_upgrade_makes_the_schema_and_can_be_repeated(bare):
    first = json.loads(bare("db", "upgrade", "--json").stdout)
    assert (first["from"], first["to"]) == (None, HEAD)
    assert first["database"] == str(bare.home / "headgate.db")
    again = json.loads(bare("db", "upgrade", "--json").stdout)
    assert again["from"] == again["to"] == HEAD
    assert "already" in bare("db", "upgrade").stdout
