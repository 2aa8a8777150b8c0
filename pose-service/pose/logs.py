"""One JSON line per request on stdout; everything else as plain lines on stderr."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

_access = logging.getLogger("pose.access")


def configure_logs() -> None:
    """Set up both streams; called once by the process that serves."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("pose").setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns whenever a request waits for a thread
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _access.addHandler(handler)
    _access.propagate = False


def log_request(
    *, method: str, path: str, status: int, duration_ms: float | None = None, code: str | None = None
) -> None:
    """Write the line of one request; `code` is the error code of a refused one."""
    line = {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": duration_ms,
        "code": code,
    }
    _access.info(json.dumps({key: value for key, value in line.items() if value is not None}))
