"""What goes into a build of one image, as it was found: enough to say later which step sees what, without the tree."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from layerproof.context import ContextFile
from layerproof.dockerfile import parse_again, parse_dockerfile, this_platform
from layerproof.model import Image
from layerproof.secret_names import is_no_secret, names_secret, without_login

Listing = tuple[ContextFile, ...]
# The options of a build that decide about the cache; others (secrets, where a cache is kept) are not kept.
KEPT_OPTIONS = ("network", "extra-hosts", "shm-size", "ulimits", "entitlements", "platforms")
# Those that are no part of any step's key, and make another image all the same.
RESULT_OPTIONS = ("labels", "tags")


class Upstream(Struct, frozen=True):
    """
    An image from outside, as the engine has it: its id, a digest of its layers, and the configuration that a build
    inherits (`Env` as a mapping, `WorkingDir`, `User`, `Shell`, `OnBuild`). Of one that only the builder
    has, `id` is the digest that it was resolved to, and `layers` is "".
    """

    id: str
    layers: str
    config: Mapping[str, Any] = field(default_factory=dict)


class Evidence(Struct, frozen=True):
    """
    Attributes:
        image: what is built; the values of secrets among its arguments are replaced by digests.
        files: the context's files as BuildKit gets them, None where they are not known.
        named: those of each named context that is a folder here, by its name.
        upstreams: the upstream images that were there, by reference.
    """

    image: Image
    files: Listing | None
    named: Mapping[str, Listing] = field(default_factory=dict)
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)


def masked(args: Mapping[str, str], *, key: bytes = b"") -> dict[str, str]:
    """
    Arguments, or environment variables, fit to be kept: of a secret, and of an address with a login, only enough stays
    to see whether it is another one.

    Args:
        key: makes that useless to whoever does not have it.
    """

    def fit(name: str, value: str) -> str:
        if not names_secret(name) and without_login(value) == value:
            return value
        return f"secret-{hmac.new(key, value.encode(), 'sha256').hexdigest()[:16]}"

    return {name: fit(name, value) for name, value in args.items()}


def secret_values(image: Image) -> frozenset[str]:
    """The values of secrets, by their names, that the build of an image is given or that its Dockerfile sets."""
    pairs = list(image.args.items())
    for instruction in (instruction for stage in image.dockerfile.stages for instruction in stage.instructions):
        if instruction.keyword == "ENV":
            pairs += zip(instruction.values[::2], instruction.values[1::2], strict=False)
        if instruction.keyword == "ARG":
            pairs += [(name, value) for name, _, value in (word.partition("=") for word in instruction.values)]
    plain = [(name, value.strip("\"'")) for name, value in pairs]
    return frozenset(
        value for name, value in plain if names_secret(name) and not is_no_secret(value) and "$" not in value
    )


def make_evidence(
    image: Image,
    files: Listing | None,
    *,
    named: Mapping[str, Listing],
    upstreams: Mapping[str, Upstream],
    key: bytes,
) -> Evidence:
    """Evidence without a secret in it; `key` is that of `masked`."""
    args = masked(image.args, key=key)
    file = image.dockerfile
    if args != image.args:
        file = parse_again(file, file.text, args=args)
    kept = {name: value for name, value in image.options.items() if name in (*KEPT_OPTIONS, *RESULT_OPTIONS)}
    if "labels" in kept:
        kept["labels"] = masked(kept["labels"], key=key)
    # The addresses of extra hosts do not count, and the platform of this machine is the default.
    if "extra-hosts" in kept:
        kept["extra-hosts"] = sorted(str(host).partition("=")[0] for host in kept["extra-hosts"])
    if kept.get("platforms") == [this_platform()]:
        del kept["platforms"]
    contexts = {name: without_login(value) for name, value in image.contexts.items()}
    known = {
        name: replace(item, config={**item.config, "Env": masked(item.config.get("Env", {}), key=key)})
        for name, item in upstreams.items()
    }
    return Evidence(replace(image, args=args, dockerfile=file, options=kept, contexts=contexts), files, named, known)


def evidence_document(evidence: Evidence) -> dict[str, Any]:
    """As JSON, but for the files: whoever keeps it enters under `files` and `named` where each listing is kept."""
    image = evidence.image
    return {
        "name": image.name,
        "tag": image.tag,
        "role": image.role,
        "context": str(image.context),
        "path": str(image.dockerfile.path),
        "dockerfile": image.dockerfile.text,
        "target": image.target,
        "args": dict(image.args),
        "contexts": dict(image.contexts),
        "parents": list(image.parents),
        "upstreams": {name: asdict(upstream) for name, upstream in evidence.upstreams.items()},
        "references": list(image.upstreams),
        "service": image.service,
        "inline": image.inline,
        "options": dict(image.options),
    }


def parse_evidence(document: Mapping[str, Any], listings: Mapping[str, Listing]) -> Evidence:
    """
    The inverse of `evidence_document`; `listings` are by the names under `files` and `named`.

    Raises:
        KeyError, TypeError, ValueError, ConfigError: it is damaged.
    """
    platform = next(iter(document["options"].get("platforms") or ()), "")
    file = parse_dockerfile(
        document["dockerfile"], path=Path(document["path"]), args=document["args"], platform=platform
    )
    image = Image(
        name=document["name"],
        tag=document["tag"],
        role=document["role"],
        context=Path(document["context"]),
        dockerfile=file,
        target=document["target"],
        args=document["args"],
        contexts=document["contexts"],
        parents=tuple(document["parents"]),
        upstreams=tuple(document["references"]),
        service=document["service"],
        inline=document["inline"],
        options=document["options"],
    )
    files = None if document["files"] is None else listings[document["files"]]
    named = {name: listings[digest] for name, digest in document["named"].items()}
    return Evidence(image, files, named, {name: Upstream(**item) for name, item in document["upstreams"].items()})


def listing_document(files: Listing) -> list[list[Any]]:
    """The files of a context as JSON: path, mode, digest, size of each."""
    return [list(file) for file in files]


def parse_listing(document: list[list[Any]]) -> Listing:
    """The inverse of `listing_document`."""
    return tuple(ContextFile(*row) for row in document)
