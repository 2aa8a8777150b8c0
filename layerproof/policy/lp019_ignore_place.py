"""
The ignore file stands where BuildKit reads it.

BuildKit reads `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` at the top of the build context,
and no other. One that stands elsewhere looks as if it kept secrets out, and does nothing.

Bad:
    # also there: docker/.dockerignore
    **/node_modules

Good:
    **/node_modules

Fix: Move its patterns to the file that BuildKit reads, and remove it.

Source: R8 (US-7).
"""

import os
from collections.abc import Iterator

from layerproof.policy import Breach, ContextSubject, Place


def check(subject: ContextSubject) -> Iterator[Breach]:
    """Each ignore file that BuildKit does not read."""
    held = os.path.relpath(subject.ignore_file, subject.folder)
    for stray in subject.strays:
        other = f"{held} holds instead" if subject.patterns is not None else f"none holds, {held} would"
        yield Place(stray, 1), f"BuildKit does not read this file for the context {subject.folder.name}: {other}"
