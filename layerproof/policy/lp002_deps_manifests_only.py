"""
The stage `deps` (or any that is called so) copies dependency manifests and nothing else.

Whatever this stage copies decides whether the install runs again. A source file among it makes every edit an install.
Certificates, keys and settings of the system, by where they are copied to, are what an install may need first.

Bad:
    FROM base-node:latest AS deps
    COPY . .
    RUN npm ci

Good:
    FROM base-node:latest AS deps
    COPY package.json package-lock.json ./
    RUN npm ci

Fix: Copy the manifests alone here, and the source in the stage that needs it.

Source: R4 (US-4).
"""

import posixpath
from collections.abc import Iterator

from layerproof.dockerfile import context_sources, reachable_stages
from layerproof.kinds import is_dependency_stage
from layerproof.manifests import is_manifest
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.installs import is_system_setup


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Each COPY, ADD or mount of such a stage that takes something else from the context."""
    image = subject.image
    stages = reachable_stages(image.dockerfile, image.target, contexts=image.contexts)
    for stage in (stage for stage in stages if is_dependency_stage(stage)):
        for instruction in (item for item in stage.instructions if not is_system_setup(item)):
            others = [
                source
                for source in context_sources(instruction)
                if not is_manifest(source) and posixpath.basename(source) not in subject.kinds.named
            ]
            if others:
                yield (
                    instruction.line,
                    f"{instruction.keyword} of {', '.join(others)} in stage {stage.name}: no dependency manifest",
                )
