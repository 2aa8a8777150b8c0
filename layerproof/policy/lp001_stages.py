"""
Installing, compiling and running have stages of their own, in this order: `deps`, `build`, `runtime`.

Dependencies, compiling and running change at different times and need different tools. With one stage for each, an
edit of the source re-runs no install, and the image that ships holds neither compiler nor package manager.

What the stages are called does not matter, unless the configuration says so: with
`stages = ["deps", "build", "runtime"]` in [tool.layerproof.policy] each service has to have these, in this order.

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

Fix: Install in a stage deps, compile in a stage build, and copy the result into a stage runtime.

Source: R4 (US-4).
"""

from collections.abc import Iterator
from itertools import pairwise

from layerproof.dockerfile import find_stage, reachable_stages
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.installs import is_for_project


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Missing stages at the first line, misplaced ones at their own; a single stage that installs and ships."""
    if subject.config.policy.stages:
        yield from _named(subject, subject.config.policy.stages)
        return
    file, image = subject.image.dockerfile, subject.image
    if len(reachable_stages(file, image.target, contexts=image.contexts)) > 1:
        return
    commands = (item for found in subject.kinds.commands.values() for item in found)
    first = next((item for item in commands if is_for_project(item)), None)
    if first:
        line = reachable_stages(file, image.target)[0].line
        yield (
            line,
            f"the only stage runs `{first.text}` and is what ships: give installing and running stages of their own",
        )


def _named(subject: BuildSubject, names: tuple[str, ...]) -> Iterator[Breach]:
    file = subject.image.dockerfile
    found = [find_stage(file, name) for name in names]
    missing = [name for name, stage in zip(names, found, strict=True) if stage is None]
    if missing:
        yield file.stages[0].line, f"no stage named {', '.join(missing)}; a service has {', '.join(names)}"
    present = [stage for stage in found if stage is not None]
    for before, after in pairwise(present):
        if before.index > after.index:
            yield after.line, f"stage {after.name} stands before stage {before.name}; the order is {', '.join(names)}"
