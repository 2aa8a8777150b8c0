"""For which platforms the shared bases are built: for those of what is built on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from layerproof import graph
from layerproof.dockerfile import parse_dockerfile, this_platform
from layerproof.errors import ConfigError
from layerproof.model import Image

Platforms = tuple[str, ...]


def platforms_of_bases(images: Collection[Image]) -> dict[str, Platforms]:
    """
    The platforms of each base that something with a platform is built on, by name.

    Args:
        images: linked.

    Raises:
        ConfigError: a base is needed for two platforms.
    """
    found: dict[str, Platforms] = {}
    wanted: dict[str, set[Platforms]] = {}
    for image in reversed(graph.build_order(images)):
        platforms: Platforms = tuple(image.options.get("platforms") or ())
        if image.role == "base" and not platforms:
            platforms = _one_of(image, wanted.get(image.name, set()))
            found.update({image.name: platforms} if platforms else {})
        for parent in image.parents:
            wanted.setdefault(parent, set()).add(platforms)
    return found


def for_platforms(image: Image, found: Mapping[str, Platforms]) -> Image:
    """A base as it is built for its platforms; any other image as it is."""
    if image.name not in found or image.role != "base":
        return image
    platforms = list(found[image.name])
    file = image.dockerfile
    file = parse_dockerfile(file.text, path=file.path, args=image.args, platform=platforms[0])
    return replace(image, dockerfile=file, options={**image.options, "platforms": platforms})


def _one_of(image: Image, wanted: Collection[Platforms]) -> Platforms:
    """What is built on it without a platform takes this machine's."""
    said = {platforms or (this_platform(),) for platforms in wanted}
    if len(said) > 1:
        names = " and ".join(sorted("+".join(platforms) for platforms in said))
        raise ConfigError(
            f"{image.name} is needed for {names}, and is one image",
            hint="Give all services that are built on it the same platform.",
        )
    return next(iter(said)) if any(wanted) else ()
