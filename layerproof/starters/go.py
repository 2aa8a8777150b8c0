"""Go modules: which package is the program, and whether it needs C."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from layerproof.starters import Folder, Starter, Wishes
from layerproof.starters.ports import find_port
from layerproof.starters.sources import find_health_path, reads_port, sources
from layerproof.starters.versions import GO, at_least

_PACKAGE_MAIN = re.compile(r"^package main\b", re.MULTILINE)
# //go:build ignore
_LEFT_OUT = re.compile(r"^//\s*(go:build|\+build) ignore", re.MULTILINE)
_BY_C = ("github.com/mattn/go-sqlite3", "github.com/confluentinc/confluent-kafka-go")


def detect(folder: Folder, wishes: Wishes) -> Starter | None:
    """What a folder with a go.mod is; None without one."""
    if "go.mod" not in folder.paths:
        return None
    manifest = folder.read("go.mod")
    # go 1.22.1
    asked = re.search(r"^go (\d+\.\d+)", manifest, re.MULTILINE)
    starter = Starter("go", "go", at_least(asked[1] if asked else "", GO.default))
    if reason := _blocked(manifest):
        return replace(starter, blocked=reason)
    texts = dict(sources(folder, ".go"))
    mains = _mains(texts)
    named = next((above for above in mains if above.rpartition("/")[2] == folder.name), "" if "" in mains else None)
    chosen = mains[0] if len(mains) == 1 else named
    choices = tuple(f"./{above}" if above else "." for above in mains)
    text = "\n".join(texts.values())
    port = wishes.port or find_port(texts, "" if chosen is None else chosen or ".")
    # replace example.com/lib => ./lib
    local = (f"{path.strip('/')}/" for path in re.findall(r"=>\s*\./(\S+)", manifest))
    return replace(
        starter,
        command=("/app",) if chosen is not None else (),
        port=port,
        health_path=find_health_path(text),
        values={
            "main": "" if chosen is None else f"./{chosen}".removesuffix("/"),
            "choices": choices,
            "manifests": tuple(
                path
                for above in dict.fromkeys(("", *local))
                for path in (f"{above}go.mod", f"{above}go.sum")
                if path in folder.paths
            ),
            "vendored": folder.has("vendor/modules.txt"),
            "needs_c": 'import "C"' in text or any(name in manifest for name in _BY_C),
            "environment": {"PORT": str(port)} if port and reads_port(text) else {},
        },
        keeps=tuple(_embedded(texts)),
        notes=tuple(_notes(chosen, choices)),
    )


def _blocked(manifest: str) -> str:
    # replace example.com/lib => ../lib
    if outside := re.search(r"=>\s*(\.\.\S*)", manifest):
        return f"go.mod replaces a module by {outside[1]}, outside of its folder: that is not handled"
    return "" if re.search(r"^module\s+\S+", manifest, re.MULTILINE) else "go.mod:1: it names no module; mend it"


def _mains(texts: Mapping[str, str]) -> list[str]:
    """The folders of the programs; not of a generator that nothing ships (`//go:build ignore`)."""
    found = {
        path.rpartition("/")[0]
        for path, text in texts.items()
        if _PACKAGE_MAIN.search(text) and not _LEFT_OUT.search(text)
    }
    return sorted(found)


def _embedded(texts: Mapping[str, str]) -> Iterator[str]:
    """What a program embeds of the files that no image needs otherwise: texts and documentation."""
    for path, text in texts.items():
        above = path.rpartition("/")[0]
        # //go:embed docs/*.md help.md
        for line in re.findall(r"^//go:embed (.+)$", text, re.MULTILINE):
            named = [word for word in line.split() if word.endswith(".md") or word.split("/")[0] == "docs"]
            yield from (f"!{above}/{word}" if above else f"!{word}" for word in named)


def _notes(chosen: str | None, choices: tuple[str, ...]) -> Iterator[str]:
    if chosen is None:
        listed = ", ".join(choices) or "none was found"
        yield f"which package is the program is not clear ({listed}): set MAIN_PACKAGE in the Dockerfile"
    elif len(choices) > 1:
        yield f"it has several programs ({', '.join(choices)}): MAIN_PACKAGE names the one that is built"
