"""The command lines of the contestants, as a person would type them; all run in the contestant's own copy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from layerproof.bench.plan import BAKE, COMPOSE, OURS, SEQUENCE
from layerproof.graph import build_order
from layerproof.model import Image

Command = tuple[str, ...]
DEFINITION = "bench.bake.json"
_OPTIONS = ("labels", "secret", "ssh", "network", "shm-size", "platforms")


def commands_of(
    contestant: str, images: Sequence[Image], *, service: str, compose_file: Path, label: str, cold: bool
) -> tuple[Command, ...]:
    """
    What one contestant runs for a service, or for everything (""), one after the other.

    Args:
        images: every image of the contestant's copy.
        label: NAME=VALUE, put on each image.
        cold: `docker compose build` knows nothing of the bases: they are built before it, one by one.
    """
    image = next((image for image in images if service and image.service == service), None)
    if contestant == OURS:
        return ((sys.executable, "-m", "invoke", "build", *(("--service", service) if service else ())),)
    if contestant == BAKE:
        targets = (image.name,) if image else ()
        return (("docker", "buildx", "bake", "--file", DEFINITION, "--allow", "fs=*", *targets),)
    order = build_order(images)
    if contestant == COMPOSE:
        bases = [docker_build(base, order, label=label) for base in order if base.role == "base" and cold]
        words = ("docker", "compose", "--file", str(compose_file), "build")
        return (*bases, (*words, *((service,) if service else ())))
    if contestant == SEQUENCE:
        return tuple(docker_build(one, order, label=label) for one in order if not service or one.service == service)
    raise ValueError(contestant)


def docker_build(image: Image, images: Sequence[Image], *, label: str) -> Command:
    """`docker build` of one image; its parents have to be there, by their tags."""
    tags = {other.name: other.tag for other in images}
    words = ["docker", "build", "--tag", image.tag, "--label", label, "--file", str(image.dockerfile.path)]
    words += ["--target", image.target] if image.target else []
    for name, value in image.args.items():
        words += ["--build-arg", f"{name}={value}"]
    for name, value in image.contexts.items():
        own = tags.get(value.removeprefix("target:")) if value.startswith("target:") else None
        words += ["--build-context", f"{name}=docker-image://{own}" if own else f"{name}={value}"]
    for flag, key in (("--secret", "secret"), ("--ssh", "ssh"), ("--platform", "platforms")):
        for value in image.options.get(key, ()):
            words += [flag, str(value)]
    for key in ("network", "shm-size"):
        words += [f"--{key}", str(image.options[key])] if key in image.options else []
    return (*words, str(image.context))


def cannot_sequence(images: Sequence[Image]) -> str:
    """Why `docker build` cannot build these images as the compose file asks; "" where it can."""
    for image in images:
        beyond = sorted(set(image.options) - set(_OPTIONS))
        if image.inline:
            return f"the Dockerfile of {image.name} stands in the compose file"
        if beyond:
            return f"{image.name} has build options that it does not take: {', '.join(beyond)}"
    return ""
