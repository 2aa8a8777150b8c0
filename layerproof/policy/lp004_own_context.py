"""
Every service that is built has a build context and a Dockerfile of its own, and no context lies inside another.

A shared or enclosing context makes an edit of one service a change of the other, and sends its files with every build.

Bad:
    services:
      api:
        build: {context: .}
      web:
        build: {context: ./web}

Good:
    services:
      api:
        build: {context: ./api}
      web:
        build: {context: ./web}

Source: R6 (US-5).
"""

from collections.abc import Iterator

from layerproof.model import Image
from layerproof.policy import Breach, ComposeSubject


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """The later of two services that share a context, and the service whose context encloses another."""
    images = [image for image in subject.project.images if image.role == "service"]
    for image in images:
        line = subject.line_of(("services", image.service, "build"))
        for other in images:
            if other.service == image.service or other.tag == image.tag:
                continue
            if image.context == other.context and image.service > other.service:
                yield line, f"{image.service} shares its build context with {other.service}"
            elif image.context in other.context.parents:
                yield line, f"the build context of {image.service} encloses the one of {other.service}"
        yield from _foreign_dockerfile(image, line)


def _foreign_dockerfile(image: Image, line: int) -> Iterator[Breach]:
    path = image.dockerfile.path
    if not image.inline and path.is_absolute() and image.context not in path.resolve().parents:
        yield line, f"the Dockerfile of {image.service} lies outside its build context"
