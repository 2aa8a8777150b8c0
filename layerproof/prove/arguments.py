"""New values for the build arguments that CI changes with every build."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timezone

from layerproof.model import Image
from layerproof.volatile import is_pin, is_volatile

_FETCHES = re.compile(r"\bgit\s.*\b(?:clone|checkout|fetch)\b|\b(?:curl|wget)\s", re.DOTALL)


def volatile_arguments(images: Collection[Image], token: str) -> dict[str, str]:
    """A new value for each argument that CI changes with every build, by name; one that pins something is none."""
    names = {
        name
        for image in images
        for name in image.dockerfile.declared_args
        if is_volatile(name) and not is_pin(_default(image, name))
    }
    names -= {name for image in images for name in image.dockerfile.declared_args if _says_what(image, name)}
    given = {name for image in images for name in image.args}
    now = datetime.now(tz=timezone.utc)
    values = {}
    for name in sorted(names):
        word = name.upper()
        if "BUST" in word and name not in given:
            continue  # an argument for one's own hand: nobody gives it a value in every build
        if "EPOCH" in word:
            values[name] = str(int(now.timestamp()))
        elif "DATE" in word or "TIME" in word or "BUILT" in word or word == "NOW":
            values[name] = now.isoformat().replace("+00:00", "Z")
        else:
            values[name] = str(int(token[:12], 16)) if "ID" in word.split("_") or "NUM" in word else token + token[:8]
    return values


def _says_what(image: Image, name: str) -> bool:
    """Whether an argument says which image, file or commit is taken: with a token for it there would be none."""
    use = rf"\$(?:{name}\b|\{{{name}\b)"
    if re.search(rf"^\s*FROM\s.*{use}", image.dockerfile.text, re.IGNORECASE | re.MULTILINE):
        return True
    instructions = (item for stage in image.dockerfile.stages for item in stage.instructions)
    return any(
        re.search(use, item.text) and (item.keyword in ("ADD", "COPY") or _FETCHES.search(item.text))
        for item in instructions
    )


def _default(image: Image, name: str) -> str:
    """The value of an argument in the Dockerfile itself; "" where it has none."""
    found = re.search(
        rf"^\s*ARG\s+(?:.*\s)?{re.escape(name)}=(\S+)", image.dockerfile.text, re.IGNORECASE | re.MULTILINE
    )
    return found[1].strip("\"'") if found else ""
