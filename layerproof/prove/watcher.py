"""Who is told how a proof goes."""

from __future__ import annotations

from collections.abc import Sequence

from layerproof.model import Verdict
from layerproof.progress import BuildLog

WARM_UP = "warm-up"


class ProofWatcher:
    """The default looks away; the task layer passes one that draws."""

    def started(self, images: Sequence[str], probes: Sequence[str]) -> None:
        """Called once, before the first build."""

    def probing(self, image: str, probe: str) -> None:
        """Called when the builds of a probe begin, and with WARM_UP for the build before all edits."""

    def line(self, log: BuildLog) -> None:
        """Called after each event line."""

    def judged(self, verdict: Verdict) -> None:
        """Called with each verdict."""

    def finished(self) -> None:
        """Called once, however the proof ended."""
