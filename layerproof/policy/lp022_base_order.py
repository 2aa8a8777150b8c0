"""
A service that is built on the image of another service says so to Compose.

Compose builds its services at the same time. One that starts from another one's image, or copies from it, is built on
whatever has that tag by then: on the last build's, or, on a new machine, on nothing. `depends_on` does not help: it is
about starting, and Compose leaves it out of what it gives to bake (`docker compose build --print` shows that). Bases in
the folder of bases are built first by layerproof itself and are not meant here.

Bad:
    services:
      base:
        image: example/base
        build: ./base
      api:
        build: {context: ./api, additional_contexts: {tools: docker-image://example/base}}

Good:
    services:
      base:
        image: example/base
        build: ./base
      api:
        build: {context: ./api, additional_contexts: {example/base: "service:base"}}

Fix: Add `additional_contexts: {NAME: "service:OTHER"}` below `build`, NAME being what the Dockerfile calls the image.

Source: R2 (bases are built before what depends on them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from layerproof.dockerfile import external_references
from layerproof.model import Image
from layerproof.policy import Breach, ComposeSubject
from layerproof.references import normalize_reference

_IMAGE_CONTEXT = "docker-image://"


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Each service whose Dockerfile names the image of another one."""
    if subject.overlay:
        return  # the builds are those of the main file, but for what they are made of
    by_tag = {image.tag: image for image in subject.project.images if image.role == "service"}
    bases = {image.tag for image in subject.project.images if image.role == "base"}
    written = {service.name: service.build or {} for service in subject.project.services}
    for image in (image for image in subject.project.images if image.role == "service"):
        contexts = written.get(image.service, {}).get("additional_contexts") or {}
        for reference in _references(image, contexts):
            tag = normalize_reference(reference)
            other = by_tag.get(tag)
            if other and tag not in (image.tag, *bases):
                message = f"{image.service} is built on {reference}, which {other.service} builds at the same time"
                yield ("services", image.service, "build"), f'{message}: no context says "service:{other.service}"'


def _references(image: Image, contexts: Mapping[str, str]) -> Iterator[str]:
    """The images that a build takes by their tag; what a named context stands in for is none of them."""
    for name in external_references(image.dockerfile, image.target, contexts=contexts):
        if name not in contexts:
            yield name
    for value in contexts.values():
        if str(value).startswith(_IMAGE_CONTEXT):
            yield str(value).removeprefix(_IMAGE_CONTEXT)
