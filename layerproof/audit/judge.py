"""One image of an archive -> what is in it, what of that is allowed, and what it weighs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from msgspec.structs import replace

from layerproof.audit import Allowance, Found, ImageAudit, LayerShare, SavedImage, Weight
from layerproof.audit.places import find_hidden_secrets, find_places, find_traits
from layerproof.audit.secrets import secrets_in_config
from layerproof.audit.tree import Placed, Tree, merge

MAX_WEIGHTS = 20
_MEGABYTE = 1_000_000
_ROOT = ("", "0", "root")


def audit_image(
    saved: SavedImage, *, image: str, tag: str, identifier: str, layers: Sequence[LayerShare], allowance: Allowance
) -> ImageAudit:
    """
    Judge one image.

    Args:
        layers: what is known of each of its layers, the lowest first.
        allowance: what its configuration lets it be.
    """
    tree = merge(saved.layers)
    user = str((saved.config.get("config") or {}).get("User") or "")
    found = sorted(_found(saved, tree, user), key=lambda item: (item.kind, item.path, item.layer))
    found = [replace(item, allowed=_reason(item, allowance)) for item in dict.fromkeys(found)]
    size = sum(layer.size_bytes for layer in saved.layers)
    audit = ImageAudit(
        image=image,
        tag=tag,
        id=identifier,
        user=user or "root",
        size_bytes=size,
        wasted_bytes=tree.wasted_bytes,
        found=tuple(found),
        layers=tuple(layers),
        largest=_heaviest(tree.files.values()),
        wasted=_heaviest(tree.hidden),
    )
    return replace(audit, over=tuple(_over(audit, allowance)))


def _found(saved: SavedImage, tree: Tree, user: str) -> Iterator[Found]:
    yield from find_places(tree)
    yield from find_traits(tree)
    yield from find_hidden_secrets(tree)
    for place, what in secrets_in_config(saved.config):
        yield Found(place, "secret", what, 0)
    if user.partition(":")[0] in _ROOT:
        detail = f"USER {user}" if user else "no USER is set"
        yield Found("USER", "root-user", f"it runs as root: {detail}", 0)


def _reason(item: Found, allowance: Allowance) -> str:
    for pattern, reason in allowance.allow.items():
        if _is_meant(item, pattern):
            return reason
    return ""


def _is_meant(item: Found, pattern: str) -> bool:
    """A kind, a path as it stands, which may have brackets in it, or a pattern of paths."""
    return pattern in (item.kind, item.path) or fnmatchcase(item.path, pattern)


def _over(audit: ImageAudit, allowance: Allowance) -> Iterator[str]:
    for what, measured, limit in (
        ("size", audit.size_bytes, allowance.max_size_bytes),
        ("wasted", audit.wasted_bytes, allowance.max_wasted_bytes),
    ):
        if limit is not None and measured > limit:
            yield f"{what} {measured / _MEGABYTE:.1f} MB, over its budget of {limit / _MEGABYTE:g} MB"
    for pattern in allowance.allow:
        if not any(_is_meant(item, pattern) for item in audit.found):
            yield f"it is allowed {pattern!r}, and has nothing of it: take that out of the configuration"


def _heaviest(items: Iterable[Placed]) -> tuple[Weight, ...]:
    files = sorted(items, key=lambda item: (-item.entry.size_bytes, item.entry.path))[:MAX_WEIGHTS]
    return tuple(Weight(f"/{item.entry.path}", item.entry.size_bytes) for item in files if item.entry.size_bytes)
