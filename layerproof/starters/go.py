"""Go modules: which package is the program, and whether it needs C."""

from __future__ import annotations

import re

from layerproof.starters import Folder, Starter, Wishes
from layerproof.starters.sources import find_health_path, find_port, reads_port, sources
from layerproof.starters.versions import GO, at_least

_PACKAGE_MAIN = re.compile(r"^package main\b", re.MULTILINE)
_BY_C = ("github.com/mattn/go-sqlite3", "github.com/confluentinc/confluent-kafka-go")


def detect(folder: Folder, wishes: Wishes) -> Starter | None:
    """What a folder with a go.mod is; None without one."""
    if "go.mod" not in folder.paths:
        return None
    manifest = folder.read("go.mod")
    # go 1.22.1
    asked = re.search(r"^go (\d+\.\d+)", manifest, re.MULTILINE)
    version = at_least(asked[1] if asked else "", GO.default)
    # replace example.com/lib => ../lib
    if outside := re.search(r"=>\s*(\.\.\S*)", manifest):
        return Starter(
            "go",
            "go",
            version,
            blocked=f"go.mod replaces a module by {outside[1]}, outside of its folder: that is not handled",
        )
    if not re.search(r"^module\s+\S+", manifest, re.MULTILINE):
        return Starter("go", "go", version, blocked="go.mod:1: it names no module; mend it")
    texts = dict(sources(folder, ".go"))
    mains = sorted({path.rpartition("/")[0] for path, text in texts.items() if _PACKAGE_MAIN.search(text)})
    # A generator that nothing ships: //go:build ignore
    mains = [
        above
        for above in mains
        if any(
            path.rpartition("/")[0] == above
            and _PACKAGE_MAIN.search(text)
            and not re.search(r"^//\s*(go:build|\+build) ignore", text, re.MULTILINE)
            for path, text in texts.items()
        )
    ]
    chosen = (
        mains[0]
        if len(mains) == 1
        else next((above for above in mains if above.rpartition("/")[2] == folder.name), "" if "" in mains else None)
    )
    text = "\n".join(texts.values())
    needs_c = 'import "C"' in text or any(name in manifest for name in _BY_C)
    port = wishes.port or find_port(text)
    notes = []
    choices = tuple(f"./{above}" if above else "." for above in mains)
    if chosen is None:
        listed = ", ".join(choices) or "none was found"
        notes.append(f"which package is the program is not clear ({listed}): set MAIN_PACKAGE in the Dockerfile")
    elif len(mains) > 1:
        notes.append(f"it has several programs ({', '.join(choices)}): MAIN_PACKAGE names the one that is built")
    replaced = tuple(
        path.removeprefix("./")
        for path in re.findall(r"=>\s*(\./\S+)", manifest)
        if folder.has(path.removeprefix("./"))
    )
    return Starter(
        "go",
        "go",
        version,
        command=("/app",) if chosen is not None else (),
        port=port,
        health_path=find_health_path(text),
        values={
            "main": "" if chosen is None else (f"./{chosen}" if chosen else "."),
            "choices": choices,
            "manifests": tuple(name for name in ("go.mod", "go.sum") if name in folder.paths),
            "vendored": folder.has("vendor/modules.txt"),
            "replaced": replaced,
            "needs_c": needs_c,
            "embeds": "//go:embed" in text,
            "environment": {"PORT": str(port)} if port and reads_port(text) else {},
        },
        notes=tuple(notes),
    )
