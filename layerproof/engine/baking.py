"""`docker buildx bake` as a command: what it is told beside the definition, and what comes back."""

from __future__ import annotations

import json
import os
import tempfile
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


def run_bake(
    definition: Mapping[str, Any], *, targets: Sequence[str], options: Sequence[str], on_line: LineSink
) -> BakeResult:
    """
    Build targets of a definition.

    Args:
        options: of bake, as `--builder`.
        on_line: takes each line of stderr; StopBuild, raised by it, ends the build.

    Returns:
        How it ended, well or not; the metadata is {} where buildx wrote none.
    """
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        on_line(line)

    with tempfile.TemporaryDirectory(prefix="layerproof-") as folder:
        metadata = Path(folder, "metadata.json")
        command = [*plugin_command("buildx"), "bake", "--file", "-", "--progress", "rawjson"]
        command += ["--metadata-file", str(metadata), *allowances(definition), *options, *targets]
        try:
            code = process.stream(command, stdin=json.dumps(definition), on_line=take, environment=bake_environment())
        except StopBuild:
            return BakeResult(0, tuple(lines), stopped=True)
        document = json.loads(metadata.read_text(encoding="utf-8") or "{}") if metadata.is_file() else {}
    return BakeResult(code, tuple(lines), document)
