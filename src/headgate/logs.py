"""The process log: one JSON object a line on standard error, with secrets taken out."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from headgate.core.redact import redact

MAX_FIELD = 8_000
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """``{"at", "level", "logger", "message", ...}``; fields given as ``extra`` follow."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = redact(record.getMessage())[:MAX_FIELD]
        for name, value in vars(record).items():
            if name not in STANDARD:
                line[name] = redact(str(value))[:MAX_FIELD]
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))[-MAX_FIELD:]
        return json.dumps(line, ensure_ascii=False)


def configure(level: str) -> None:
    """Send the log of this process to standard error, from *level* up."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("asyncio", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
