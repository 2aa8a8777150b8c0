"""What an instruction takes from the build context."""

from __future__ import annotations

from layerproof.model import Instruction


def context_sources(instruction: Instruction) -> tuple[str, ...]:
    """
    The paths that COPY, ADD or a bind mount of RUN takes from the build context, as written.

    Copies from another stage or image, here-documents and URLs are no part of the context.
    """
    if instruction.keyword in ("COPY", "ADD"):
        if any(flag.startswith("--from=") for flag in instruction.flags):
            return ()
        return tuple(
            word for word in instruction.values[:-1] if not word.startswith(("<<", "git@")) and "://" not in word
        )
    if instruction.keyword == "RUN":
        return tuple(source for flag in instruction.flags if (source := _bind_source(flag)))
    return ()


def _bind_source(flag: str) -> str:
    # --mount=type=bind,source=package.json,target=package.json
    name, _, value = flag.partition("=")
    fields = dict(part.partition("=")[::2] for part in value.split(","))
    if name != "--mount" or fields.get("type", "bind") != "bind" or "from" in fields:
        return ""
    return fields.get("source") or fields.get("src") or "."
