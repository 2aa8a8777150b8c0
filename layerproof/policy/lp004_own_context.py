"""
Every service that is built has a build context and a Dockerfile of its own, and no context lies inside another.

A shared or enclosing context makes an edit of one service a change of the other, and sends its files with every build.
Services that are the same build (one Dockerfile, one target, the same arguments) and do not name different images, as
a web process and its worker, may share it; so may a stage for tests or tools that only a profile starts.

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

Fix: Give each service a folder of its own with its Dockerfile, and name that folder as its context.

Source: R6 (US-5).
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from layerproof.model import Image
from layerproof.policy import Breach, ComposeSubject, Keys


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """The later of two services that share a context, and the service whose context encloses another."""
    images = [image for image in subject.project.images if image.role == "service"]
    by_context: dict[Path, list[Image]] = {}
    for image in sorted(images, key=lambda image: image.service):
        by_context.setdefault(image.context, []).append(image)
    optional = {item.name for item in subject.project.services if item.raw.get("profiles")}
    named = {item.name: str(item.raw["image"]) for item in subject.project.services if item.raw.get("image")}
    for image in images:
        keys: Keys = ("services", image.service, "build", "context")
        earlier = [other for other in by_context[image.context] if other.service < image.service]
        different = next(
            (
                other
                for other in earlier
                if not _is_same_program(image, other, named) and not _is_variant(image, other, optional)
            ),
            None,
        )
        if different:
            yield keys, f"{image.service} shares its build context with {different.service}"
        yield from _foreign_dockerfile(image)
    for inner in by_context:
        for folder in inner.parents:
            for image in by_context.get(folder, ()):
                names = ", ".join(other.service for other in by_context[inner])
                keys = ("services", image.service, "build", "context")
                yield keys, f"the build context of {image.service} encloses the one of {names}"


def _is_same_program(image: Image, other: Image, named: Mapping[str, str]) -> bool:
    """Whether two services are one build under one name, or under none of their own."""
    one, two = named.get(image.service), named.get(other.service)
    same_build = (image.dockerfile.text, image.target, image.args) == (other.dockerfile.text, other.target, other.args)
    return same_build and (one is None or two is None or one == two)


def _is_variant(image: Image, other: Image, optional: Collection[str]) -> bool:
    """Whether one is another stage of the other's Dockerfile that only a profile starts: for tests, for tools."""
    same = not image.inline and image.dockerfile.path == other.dockerfile.path
    return same and (image.service in optional or other.service in optional)


def _foreign_dockerfile(image: Image) -> Iterator[Breach]:
    path = image.dockerfile.path
    if not image.inline and path.is_absolute() and image.context not in path.resolve().parents:
        keys = ("services", image.service, "build", "dockerfile")
        yield keys, f"the Dockerfile of {image.service} lies outside its build context"
