"""
What a service or base is built from is there and can be read.

A Dockerfile that does not parse, a build context that is no folder, a target that names no stage: the build would stop
there, and no other rule can look at the image.

Bad:
    FROM node:18-bookworm-slim AS deps
    COPPY package.json ./

Good:
    FROM node:18-bookworm-slim AS deps
    COPY package.json ./

Fix: Mend it; BuildKit refuses it as well.

Source: R13.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from layerproof.policy import Breach, BrokenSubject, Place


def check(subject: BrokenSubject) -> Iterator[Breach]:
    """The one error, at the place that its message begins with, or else where the service's build is written."""
    message = subject.error.message
    path, _, rest = message.partition(":")
    line, _, text = rest.partition(": ")
    # /repo/web/Dockerfile:2: unknown instruction COPPY
    if line.isdigit() and Path(path).is_absolute():
        yield Place(Path(path), int(line)), text
    else:
        yield ("services", subject.name, "build"), message
