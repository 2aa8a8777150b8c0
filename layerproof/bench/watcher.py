"""What a benchmark tells while it runs."""

from __future__ import annotations


class BenchWatcher:
    """Takes everything and shows nothing; the displays are in `report.bench`."""

    def started(self, total: int) -> None:
        """So many commands will be measured."""

    def doing(self, what: str) -> None:
        """This runs now, and is measured or not."""

    def measured(self, what: str, wall_s: float, ran: int) -> None:
        """This has been measured, and ran so many steps."""

    def finished(self) -> None:
        """It is over, however it ended."""
