"""`docker buildx bake` as a command: what it is told beside the definition, and what comes back."""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from layerproof.engine import BakeResult, LineSink, StopBuild, process
from layerproof.engine.plugins import plugin_command


def bake_environment() -> dict[str, str]:
    """What is set for buildx beside the environment that there is."""
    return {
        # Maximal provenance in the metadata file maps vertices to Dockerfile lines; the image gets none.
        "BUILDX_METADATA_PROVENANCE": "max",
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        # To name the commit in its own history buildx starts git seven times for each target: only on demand.
        "BUILDX_GIT_INFO": os.environ.get("BUILDX_GIT_INFO", "false"),
    }


def allowances(definition: Mapping[str, Any]) -> list[str]:
    """The options that allow what bake asks about: files outside this folder, and what the compose file wants."""
    targets = definition.get("target", {}).values()
    wanted = {"fs=*"} | {entry for target in targets for entry in target.get("entitlements", ())}
    wanted |= {"network.host" for target in targets if target.get("network") == "host"}
    return [word for entry in sorted(wanted) for word in ("--allow", entry)]


class Bake:
    """
    One run of buildx. It can begin before it is known what to build: buildx looks for its builder first, and only then
    reads what it is given, which takes it about as long as Compose takes to read its files.

    Args:
        options: of bake, as `--builder` and `allowances` give them.

    Raises:
        OSError: buildx cannot be started.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self.options = tuple(options)
        folder = tempfile.TemporaryDirectory(prefix="layerproof-")
        self._metadata = Path(folder.name, "metadata.json")
        command = [*plugin_command("buildx"), "bake", "--file", "-", "--progress", "rawjson"]
        command += ["--metadata-file", str(self._metadata), *options]
        try:
            self._child = process.start(command, environment=bake_environment())
        except OSError:
            folder.cleanup()
            raise
        # Also where nothing is built in the end, and when the process exits.
        self._end = weakref.finalize(self, _end, self._child, folder)

    def run(self, definition: Mapping[str, Any], *, targets: Sequence[str], on_line: LineSink) -> BakeResult:
        """
        Build targets of a definition; once.

        Args:
            on_line: takes each line of stderr; StopBuild, raised by it, ends the build.

        Returns:
            How it ended, well or not; the metadata is {} where buildx wrote none.
        """
        lines: list[str] = []

        def take(line: str) -> None:
            lines.append(line)
            on_line(line)

        wanted = {**definition, "group": {"default": {"targets": list(targets)}}}
        try:
            code = process.stream(self._child, stdin=json.dumps(wanted), on_line=take)
            written = self._metadata.read_text(encoding="utf-8") if self._metadata.is_file() else ""
        except StopBuild:
            return BakeResult(0, tuple(lines), stopped=True)
        finally:
            self._end()
        return BakeResult(code, tuple(lines), json.loads(written or "{}"))


def _end(child: process.Child, folder: tempfile.TemporaryDirectory[str]) -> None:
    process.drop(child)
    folder.cleanup()
