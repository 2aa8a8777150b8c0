"""
The stage `deps` copies dependency manifests and nothing else.

Whatever this stage copies decides whether the install runs again. A source file among it makes every edit an install.

Bad:
    FROM base-node:latest AS deps
    COPY . .
    RUN npm ci

Good:
    FROM base-node:latest AS deps
    COPY package.json package-lock.json ./
    RUN npm ci

Source: R4 (US-4).
"""

from collections.abc import Iterator

from layerproof.dockerfile import context_sources, find_stage
from layerproof.manifests import is_manifest
from layerproof.model import Image
from layerproof.policy import Breach


def check(image: Image) -> Iterator[Breach]:
    """Each COPY or ADD of the stage that takes something else from the context."""
    stage = find_stage(image.dockerfile, "deps")
    for instruction in stage.instructions if stage else ():
        others = [source for source in context_sources(instruction) if not is_manifest(source)]
        if others:
            yield (
                instruction.line,
                f"{instruction.keyword} of {', '.join(others)} in stage deps: no dependency manifest",
            )
