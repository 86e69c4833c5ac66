"""What is stored of feedback, asked of it, and answered."""

from typing import Literal

import msgspec

from headgate.storage.tenancy import Narrow

By = Literal["model", "route", "prompt"]


class FeedbackRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one rater said of one answer. Instants are microseconds since 1970, UTC."""

    id: str
    tenant_id: str
    record_id: str
    rater: str
    """``kind:id`` of who said it; and ``:name``, where it was said for somebody else."""
    score: float | None = None
    """From 0 to 1."""
    thumbs: int | None = None
    """1 up, -1 down."""
    comment: str | None = None
    correction: str | None = None
    record_at: int
    trace_id: str
    key_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    team_id: str | None = None
    route: str | None = None
    model: str | None = None
    prompt: str | None = None
    """The template's name and version that made the prompt, where one did."""
    created_at: int
    updated_at: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which feedback; ``None`` asks for nothing."""

    since: int | None = None
    """Of calls from this instant on."""
    until: int | None = None
    record_id: str | None = None
    model: str | None = None
    route: str | None = None
    prompt: str | None = None
    thumbs: int | None = None
    corrected: bool | None = None
    within: Narrow | None = None
    """Of whose keys' calls alone."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What was thought of the answers of one name."""

    name: str | None
    answers: int
    """That somebody said something of."""
    ups: int
    downs: int
    scores: int
    score_sum: float
    score_squares: float
    comments: int
    corrections: int
