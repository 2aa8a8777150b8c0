"""
Dockerfiles as the benchmark builds them: other tags, so that no tag of the user moves, and nothing in any cache.

Everybody's Dockerfiles are changed in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from layerproof.dockerfile import find_stage, parse_dockerfile
from layerproof.prove.edits import appended

# FROM base-node:latest AS deps; the name of the stage stays what it is
_FROM = re.compile(r"^(?P<start>\s*FROM\s)(?P<image>.*?)(?P<stage>\sAS\s.*)?$", re.IGNORECASE)
# ARG BASE=base-node:latest
_ARG = re.compile(r"^\s*ARG\s", re.IGNORECASE)
# COPY --from=base-node:latest, --mount=type=bind,from=base-python:latest,target=/run
_SOURCE = re.compile(r"(?<=[\s,=-])from=(?P<image>[^\s,]+)")
# --mount=type=cache,target=/root/.npm,sharing=locked
_CACHE_MOUNT = re.compile(r"--mount=(?P<options>\S*\btype=cache\b\S*)")
_SCRIPTS = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx")
_END = "LAYERPROOF_BENCH"


def renamed(text: str, names: Mapping[str, str]) -> str:
    """
    The text of a Dockerfile with other names of images, wherever it takes one as a base or copies from one.

    Args:
        names: by the repository of a tag, such as base-node, what it is called now.
    """
    lines = []
    for line in text.split("\n"):
        if found := _FROM.match(line):
            line = f"{found['start']}{rename_reference(found['image'], names)}{found['stage'] or ''}"
        elif _ARG.match(line):
            line = rename_reference(line, names)
        else:
            line = _SOURCE.sub(lambda found: f"from={rename_reference(found['image'], names)}", line)
        lines.append(line)
    return "\n".join(lines)


def rename_reference(text: str, names: Mapping[str, str]) -> str:
    """Every whole name of an image in a text; `base-python` is no part of `base-python-pose` or of `a/base-python`."""
    if not names:
        return text
    every = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w./-])(?:{every})(?![\w./-])", lambda found: names[found[0]], text)


def uncached(text: str, nonce: str) -> str:
    """
    The text of a Dockerfile of which no cache knows anything: a small file that was never there before comes first in
    each stage that does not start from another one, and each cache mount is a new one. What stands on that file in the
    cache can be told from everybody else's.
    """
    file = parse_dockerfile(text, path=Path("Dockerfile"))
    lines = text.split("\n")
    for instruction in (item for stage in file.stages for item in stage.instructions if item.keyword == "RUN"):
        for at in range(instruction.line - 1, min(instruction.end_line, len(lines))):
            lines[at] = _CACHE_MOUNT.sub(lambda found: _cold_mount(found["options"], nonce), lines[at])
    for stage in reversed(file.stages):
        if find_stage(file, stage.base, before=stage) is None:
            end = stage.line - 1
            while lines[end].rstrip().endswith("\\"):
                end += 1
            lines[end + 1 : end + 1] = [f"COPY <<{_END} /.layerproof-bench-{nonce}", nonce, _END]
    return "\n".join(lines)


def _cold_mount(options: str, nonce: str) -> str:
    """type=cache,id=npm,target=/root/.npm: the id, or the target where there is none, with the nonce before it."""
    parts = [part.partition("=") for part in options.split(",")]
    values = {key: value for key, _, value in parts}
    name = values.get("id") or values.get("target") or values.get("dst") or values.get("destination") or "cache"
    kept = [f"{key}{equals}{value}" for key, equals, value in parts if key != "id"]
    return f"--mount={','.join(kept)},id=layerproof-bench-{nonce}-{name.strip('/')}"


def edit_text(path: Path, token: str) -> bytes:
    """
    What is appended to an application file: a statement with an effect where the language is JavaScript, since a
    compiler drops comments, else a comment.
    """
    if path.name.endswith(_SCRIPTS) and not path.name.endswith(".d.ts"):
        return f'Object.assign(globalThis, {{ layerproofBench: "{token}" }});\n'.encode()
    return appended(path, token).data
