"""The management API's application, built once: its hundred routes take a second, and each test brings its own parts."""

from functools import cache
from typing import Any, cast

from fastapi import FastAPI

from headgate.admin.app import create
from headgate.admin.parts import AdminParts


def application(parts: AdminParts) -> FastAPI:
    """Return the application with *parts*; those it had are gone."""
    app = _built()
    app.state.parts = parts
    return app


@cache
def _built() -> FastAPI:
    return create(cast(Any, None))
