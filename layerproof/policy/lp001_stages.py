"""
A service's Dockerfile has the stages `deps`, `build` and `runtime`, in this order.

Dependencies, compiling and running change at different times and need different tools. With one stage for each, an
edit of the source re-runs no install, and the image that ships holds neither compiler nor package manager.

Bad:
    FROM base-node:latest
    COPY package.json package-lock.json ./
    RUN npm ci
    COPY src ./src

Good:
    FROM base-node:latest AS deps
    COPY package.json package-lock.json ./
    RUN npm ci
    FROM deps AS build
    COPY src ./src
    RUN npm run build
    FROM base-node:runtime AS runtime
    COPY --from=build /app/dist ./dist

Source: R4 (US-4).
"""

from collections.abc import Iterator
from itertools import pairwise

from layerproof.dockerfile import find_stage
from layerproof.model import Image
from layerproof.policy import Breach

STAGES = ("deps", "build", "runtime")


def check(image: Image) -> Iterator[Breach]:
    """Missing stages at the first line, misplaced ones at their own."""
    found = [find_stage(image.dockerfile, name) for name in STAGES]
    missing = [name for name, stage in zip(STAGES, found, strict=True) if stage is None]
    if missing:
        yield (
            image.dockerfile.stages[0].line,
            f"no stage named {', '.join(missing)}; a service has deps, build and runtime",
        )
    present = [stage for stage in found if stage is not None]
    for before, after in pairwise(present):
        if before.index > after.index:
            yield after.line, f"stage {after.name} stands before stage {before.name}; the order is deps, build, runtime"
