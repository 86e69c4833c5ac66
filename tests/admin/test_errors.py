"""What the management API says of a database that fails."""

import json
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import Request

from headgate.admin.errors import broken
from headgate.storage.sql import DiskFull, StoreDown


def locked() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DiskFull(), "disk of the database is full"),
        (OperationalError("INSERT", None, full()), "disk of the database is full"),
        (StoreDown("gone"), "cannot be reached now"),
        (OperationalError("INSERT", None, locked()), "cannot be reached now"),
    ],
)
def test_a_full_disk_is_called_one(error: Exception, words: str) -> None:
    request = Request({"type": "http", "method": "POST", "path": "/api/v1/keys", "headers": []})
    answer = broken(request, error)
    assert answer.status_code == 503
    told = json.loads(bytes(answer.body))["error"]
    assert told["code"] == "storage_unavailable"
    assert words in told["message"]
