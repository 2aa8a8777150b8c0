"""Cargo packages: which binary is the program."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from layerproof.starters import Folder, Starter, Wishes
from layerproof.starters.ports import find_port
from layerproof.starters.sources import find_health_path, reads_port, sources
from layerproof.starters.versions import RUST, at_least

# Crates whose sources are C, or that bind to a library of the system.
_MANIFESTS = ("Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "rust-toolchain")
_OPENSSL = ("openssl-sys",)
# Where Cargo looks for a target of a name that has no path.
_PLACES = {"bin": "src/bin", "test": "tests", "bench": "benches", "example": "examples"}
_OF_DEPENDENCIES = ("dependencies", "dev-dependencies", "build-dependencies", "target", "patch", "replace", "workspace")


def detect(folder: Folder, wishes: Wishes) -> Starter | None:
    """What a folder with a Cargo.toml is; None without one."""
    if "Cargo.toml" not in folder.paths:
        return None
    manifest, error = _read(folder)
    package = manifest.get("package") or {}
    toolchain = folder.read(folder.first("rust-toolchain.toml", "rust-toolchain"))
    channel = re.search(r"channel\s*=\s*[\"'](\d+\.\d+)", toolchain)
    version = at_least(channel[1] if channel else str(package.get("rust-version") or ""), RUST.default)
    starter = Starter("rust", "cargo", version)
    if reason := error or _blocked(folder, manifest):
        return replace(starter, blocked=reason)
    names = _binaries(folder, manifest)
    named = str(package.get("default-run") or "") or next((item for item in names if item == folder.name), "")
    name = names[0] if len(names) == 1 else named
    texts = dict(sources(folder, ".rs"))
    text = "\n".join(texts.values())
    main = folder.first(f"src/bin/{name}.rs", f"src/bin/{name}/main.rs", "src/main.rs")
    port = wishes.port or find_port(texts, main)
    crates = _local_crates(folder, manifest)
    inner = (f"{crate}/{stub}" for crate, tables in crates.items() for stub in _stubs(_below(folder, crate), tables))
    stubs = (*_stubs(folder, manifest), *inner)
    return replace(
        starter,
        command=("/app",) if name else (),
        port=port,
        health_path=find_health_path(text),
        values={
            "bin": name,
            "choices": tuple(names),
            "manifests": (
                *(item for item in _MANIFESTS if item in folder.paths),
                *(f"{crate}/Cargo.toml" for crate in crates),
            ),
            "locked": "Cargo.lock" in folder.paths,
            "stubs": stubs,
            "folders": tuple(dict.fromkeys(stub.rpartition("/")[0] or "." for stub in stubs)),
            "openssl": any(f'name = "{crate}"' in folder.read("Cargo.lock") for crate in _OPENSSL),
            "environment": {"PORT": str(port)} if port and reads_port(text) else {},
        },
        keeps=("!README.md",) if 'README.md")' in text else (),
        notes=tuple(_notes(folder, name, names)),
    )


def _read(folder: Folder, path: str = "Cargo.toml") -> tuple[dict[str, Any], str]:
    """A manifest, and why it cannot be read."""
    import tomli

    try:
        return _tidy(tomli.loads(folder.read(path))), ""
    except RecursionError:
        return {}, f"{path}:1: nested too deeply"
    except tomli.TOMLDecodeError as error:
        return {}, f"{path}:{error.lineno}: not valid TOML: {error.msg}; mend it"


def _notes(folder: Folder, name: str, names: list[str]) -> Iterator[str]:
    if not name:
        listed = ", ".join(names) or "none was found"
        yield f"which binary is the program is not clear ({listed}): set BIN in the Dockerfile"
    if "Cargo.lock" not in folder.paths:
        yield "there is no Cargo.lock, so each build may bring other versions: commit it"


def _tidy(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest in which the tables that are looked at are tables."""
    tidy = dict(manifest)
    for name in ("package", "workspace", "lib"):
        if name in tidy:
            tidy[name] = tidy[name] if isinstance(tidy[name], dict) else {}
    for name in ("bin", "test", "bench", "example"):
        rows = tidy.get(name)
        tidy[name] = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return tidy


def _blocked(folder: Folder, manifest: Mapping[str, Any]) -> str:
    if "package" not in manifest:
        return "it is the root of a Cargo workspace: that is not handled"
    if "workspace" in manifest and (manifest["workspace"] or {}).get("members"):
        return "it holds a Cargo workspace: that is not handled"
    for above in folder.above:
        if "[workspace]" in above.read("Cargo.toml") and "workspace" not in manifest:
            where = f"{above.name}/Cargo.toml"
            return f"it is part of the workspace of {where}, outside of its build context: that is not handled"
    for crate, tables in _local_crates(folder, manifest).items():
        if crate.startswith((".", "/")):
            return f"a dependency is the folder {crate}, outside of its build context: that is not handled"
        if "package" not in tables:
            return f"a dependency is the folder {crate}, whose Cargo.toml names no package: that is not handled"
    return ""


def _local_crates(folder: Folder, manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The manifests of the crates that are dependencies, theirs too, by folder, relative to the build context."""
    found: dict[str, dict[str, Any]] = {}
    waiting: list[tuple[str, Mapping[str, Any]]] = [("", manifest)]
    while waiting:
        above, tables = waiting.pop()
        for path in _paths_in({name: tables.get(name) for name in _OF_DEPENDENCIES}):
            crate = posixpath.normpath(posixpath.join(above, path))
            if crate != "." and crate not in found:
                found[crate] = _read(folder, f"{crate}/Cargo.toml")[0]
                waiting.append((crate, found[crate]))
    return dict(sorted(found.items()))


def _below(folder: Folder, crate: str) -> Folder:
    """The folder of a crate, as one of its own."""
    paths = tuple(path.removeprefix(f"{crate}/") for path in folder.paths if path.startswith(f"{crate}/"))
    return Folder(crate, paths, lambda path: folder.read(f"{crate}/{path}"))


def _paths_in(value: object, depth: int = 5) -> Iterator[str]:
    # helper = { path = "crates/helper" }, at most [target.x.dependencies.helper]
    for name, inner in value.items() if isinstance(value, dict) and depth else ():
        if name == "path" and isinstance(inner, str):
            yield inner
        else:
            yield from _paths_in(inner, depth - 1)


def _binaries(folder: Folder, manifest: Mapping[str, Any]) -> list[str]:
    declared = [str(item.get("name")) for item in manifest["bin"] if item.get("name")]
    found = [str(manifest["package"].get("name") or "")] if "src/main.rs" in folder.paths else []
    # src/bin/worker.rs, src/bin/worker/main.rs
    beside = [match[1] for path in folder.paths if (match := re.fullmatch(r"src/bin/([\w-]+)(?:\.rs|/main\.rs)", path))]
    is_renamed = any(item.get("path") == "src/main.rs" for item in manifest["bin"])
    return list(dict.fromkeys([*declared, *([] if is_renamed else found), *beside]))


def _stubs(folder: Folder, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The sources that have to be there for Cargo to take the manifest, empty ones for compiling dependencies alone."""
    library = (manifest.get("lib") or {}).get("path") or ("src/lib.rs" if "src/lib.rs" in folder.paths else "")
    paths = [_target(folder, kind, row) for kind in _PLACES for row in manifest[kind]]
    paths += [path for path in folder.paths if re.fullmatch(r"src/main\.rs|src/bin/[\w-]+(?:\.rs|/main\.rs)", path)]
    build = str(manifest["package"].get("build") or "")
    paths += [build if build.endswith(".rs") else "", str(library)]
    return tuple(dict.fromkeys(path for path in paths if path)) or ("src/lib.rs",)


def _target(folder: Folder, kind: str, row: Mapping[str, Any]) -> str:
    """The source of a target: its path, else where Cargo looks for its name; "" where it has neither."""
    place = f"{_PLACES[kind]}/{row.get('name') or ''}"
    found = folder.first(f"{place}.rs", f"{place}/main.rs", *(("src/main.rs",) if kind == "bin" else ()))
    return str(row.get("path") or found or (f"{place}.rs" if row.get("name") else ""))
