"""Image references."""

from __future__ import annotations


def normalize_reference(reference: str) -> str:
    """A reference as Docker compares it: docker.io and library/ dropped, `:latest` added where there is no tag."""
    name = reference.removeprefix("docker.io/").removeprefix("library/")
    has_tag = ":" in name.rsplit("/", 1)[-1] or "@" in name
    return name if has_tag else f"{name}:latest"
