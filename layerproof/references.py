"""Image references."""

from __future__ import annotations

IMAGE_CONTEXT = "docker-image://"
_HUB = ("docker.io/", "index.docker.io/", "registry-1.docker.io/", "mirror.gcr.io/", "public.ecr.aws/docker/")
_MIRRORED = ("library/", "dependency_proxy/containers/")


def normalize_reference(reference: str) -> str:
    """A reference as Docker compares it: docker.io and library/ dropped, `:latest` added where there is no tag."""
    name = reference.removeprefix("docker.io/").removeprefix("library/")
    has_tag = ":" in name.rsplit("/", 1)[-1] or "@" in name
    return name if has_tag else f"{name}:latest"


def upstream_name(reference: str) -> tuple[str, str]:
    """
    The name that an image has on Docker Hub or in its own registry, and its tag.

    Mirrors of Docker Hub are looked through (`mirror.gcr.io/library/node` is `node`), and so is a digest. The tag is
    `latest` where there is none, "" where only a digest is given.
    """
    path, at, _ = reference.partition("@")
    head, slash, last = path.rpartition("/")
    name, _, tag = last.partition(":")
    full = f"{head}{slash}{name}"
    for prefix in _HUB:
        full = full.removeprefix(prefix)
    for folder in _MIRRORED:
        full = f"/{full}".rpartition(f"/{folder}")[2].removeprefix("/")
    return full, tag or ("" if at else "latest")


def image_of_context(value: str) -> str:
    """The image that a named context stands for; "" for a folder and for an address."""
    return value.removeprefix(IMAGE_CONTEXT) if value.startswith(IMAGE_CONTEXT) else ""
