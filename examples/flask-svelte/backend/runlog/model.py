"""One run down the mountain, and what is refused as one."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from typing import Any

MAX_VERTICAL_M = 9000
MAX_PLACE = 80
MAX_NOTE = 280
# Somewhere it is tomorrow already.
_AHEAD = datetime.timedelta(hours=14)


class InvalidRunError(ValueError):
    """What was sent is no run; `field` is to blame, None for the body as a whole."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class NewRun:
    """A run that is not kept yet; its day as in 2026-01-17."""

    date: str
    place: str
    vertical_m: int
    note: str = ""


@dataclass(frozen=True)
class Run(NewRun):
    """A run that is kept."""

    id: int = 0

    def as_json(self) -> dict[str, Any]:
        """The run as the API answers it."""
        return asdict(self)


def parse_run(body: Any) -> NewRun:
    """
    Read the JSON body of a new run.

    Raises:
        InvalidRunError: something is missing, of the wrong type, too long or out of range.
    """
    if not isinstance(body, dict):
        raise InvalidRunError("A run is an object with date, place, vertical_m and note.")
    return NewRun(
        date=_day(body.get("date")),
        place=_text(body.get("place"), field="place", longest=MAX_PLACE, required=True),
        vertical_m=_vertical(body.get("vertical_m")),
        note=_text(body.get("note", ""), field="note", longest=MAX_NOTE),
    )


def _day(value: Any) -> str:
    try:
        day = datetime.date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidRunError("The day is a date such as 2026-01-17.", field="date") from error
    if day > (datetime.datetime.now(tz=datetime.timezone.utc) + _AHEAD).date():
        raise InvalidRunError("The day lies in the future.", field="date")
    return day.isoformat()


def _text(value: Any, *, field: str, longest: int, required: bool = False) -> str:
    if not isinstance(value, str) or (required and not value.strip()):
        raise InvalidRunError(f"The {field} is missing." if required else f"The {field} is a text.", field=field)
    if len(value.strip()) > longest:
        raise InvalidRunError(f"The {field} has at most {longest} characters.", field=field)
    return value.strip()


def _vertical(value: Any) -> int:
    # True is an int in Python, and no height.
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_VERTICAL_M:
        raise InvalidRunError(f"The metres down are a whole number from 1 to {MAX_VERTICAL_M}.", field="vertical_m")
    return value
