"""Kinds of field that the management API's bodies and answers are made of."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from headgate.core.errors import NotFound

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LAST = datetime(9999, 1, 1, tzinfo=UTC)


class Body(BaseModel):
    """What a client sends: no field that is not known."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Answer(BaseModel):
    """What a client is sent."""

    model_config = ConfigDict(extra="forbid")


def clean(text: str) -> str:
    """Return *text* for storage: NUL and lone surrogates, which no database holds, become U+FFFD.

    Raise ``ValueError`` for other control characters.
    """
    text = text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if any(c < " " or c == "\x7f" for c in text):
        raise ValueError("must not hold control characters")
    return text


def micros(at: datetime) -> int:
    """Return microseconds since 1970 for an instant that knows its zone."""
    return (at - EPOCH) // MICROSECOND


def instant(at: int) -> datetime:
    """Return the instant of microseconds since 1970."""
    return EPOCH + at * MICROSECOND


def optional_instant(at: int | None) -> datetime | None:
    """As :func:`instant`."""
    return None if at is None else instant(at)


def object_id(id: str, what: str) -> str:
    """Return *id*, or raise ``NotFound`` for what cannot be one: no store needs to be asked."""
    if not (0 < len(id) <= 64 and id.isascii() and id.replace("-", "").isalnum()):
        raise NotFound(f"There is no such {what}.")
    return id


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be text such as 2026-12-01T00:00:00Z")
    return value


def _in_range(at: datetime) -> datetime:
    if not EPOCH <= at <= LAST:
        raise ValueError("must be between the years 1970 and 9999")
    return at


Text = Annotated[str, AfterValidator(clean)]
Instant = Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(_in_range)]
"""RFC 3339 with a zone: ``2026-12-01T00:00:00Z``."""
Usd = Annotated[Decimal, Field(gt=0, le=9_000_000_000, decimal_places=9, examples=["5.00"])]
"""An amount in USD, best as a string."""
UsdText = Annotated[str, Field(description="An amount in USD, as a plain decimal.", examples=["0.00012"])]
Ms = Annotated[float, PlainSerializer(lambda ms: round(ms, 3), return_type=float), Field(description="Milliseconds.")]
UtcTime = Annotated[datetime, PlainSerializer(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), return_type=str)]
