"""Node services and front ends: package manager, what is built, and what starts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from layerproof.starters import NO_START, Folder, Starter, Wishes, frontend
from layerproof.starters.node_start import program_of, start_of
from layerproof.starters.ports import find_port
from layerproof.starters.sources import find_health_path, reads_port, sources
from layerproof.starters.versions import node_version

# Whoever reads one of these finds a table of texts, whatever the file has in its place.
_TABLES = ("scripts", "dependencies", "devDependencies", "optionalDependencies", "engines", "volta")
_LIFECYCLE = ("preinstall", "install", "postinstall", "prepare")
_HOOKS = re.compile(r"husky|lefthook|simple-git-hooks|lint-staged|is-ci")
# Packages that node-gyp compiles where no prebuilt binary can be fetched.
_NATIVE = ("bcrypt", "better-sqlite3", "canvas", "sqlite3", "argon2", "node-gyp", "nan", "bufferutil", "re2", "zeromq")
_CODE = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
# What a server reads beside its code.
_ASSETS = ("public", "static", "views", "templates", "assets", "locales", "prisma", "migrations", "drizzle", "proto")
# Those that have others among their dependencies, first.
_FRAMEWORKS = (
    *("next", "nuxt", "@sveltejs/kit", "@nestjs/core", "astro", "gatsby", "@docusaurus/core"),
    *("@react-router/serve", "@remix-run/serve", "express", "fastify", "koa", "@hapi/hapi", "hono"),
    *("vitepress", "vuepress", "@11ty/eleventy", "react", "vue", "svelte", "vite"),
)
_PORT_OF = {
    **dict.fromkeys(("next", "nuxt", "@sveltejs/kit", "@nestjs/core", "@react-router/serve", "@remix-run/serve"), 3000),
    "astro": 4321,
}
_OUTPUTS = ("dist", "build", "out", "lib")
_LOCKS = {"npm": "package-lock.json", "pnpm": "pnpm-lock.yaml", "yarn": "yarn.lock"}


def detect(folder: Folder, wishes: Wishes) -> Starter | None:
    """What a folder with a package.json is; None without one."""
    if "package.json" not in folder.paths:
        return None
    try:
        manifest = json.loads(folder.read("package.json"))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        return Starter("node", blocked=f"package.json:{line}: not valid JSON; mend it")
    if not isinstance(manifest, dict):
        return Starter("node", blocked="package.json:1: no JSON object; mend it")
    manifest = {**manifest, **{name: _table(manifest.get(name)) for name in _TABLES}}
    version, unmet = node_version(manifest, folder)
    manager, manager_version = manager_of(manifest, folder)
    starter = Starter("node", manager, version, notes=(unmet,) if unmet else ())
    if reason := _blocked(manifest, folder):
        return replace(starter, blocked=reason)
    common = _install_values(manifest, folder, manager, manager_version)
    notes = [*starter.notes, *_notes(manifest, folder, manager)]
    built = frontend.output_of(manifest, folder)
    if isinstance(built, frontend.Unclear):
        return replace(starter, blocked=built.reason)
    starter = replace(starter, framework=framework_of(manifest))
    if isinstance(built, frontend.Static):
        values = {**common, "build": True, "static": built.folder, "single_page": built.single_page}
        values["outputs"] = (built.folder,)
        return replace(starter, values=values, port=wishes.port or 8080, notes=tuple(notes))
    return _server(replace(starter, values=common, notes=tuple(notes)), manifest, folder, wishes, built)


def manager_of(manifest: Mapping[str, Any], folder: Folder) -> tuple[str, str]:
    """The package manager that `packageManager` or the lock file names, and its version."""
    named, _, version = str(manifest.get("packageManager") or "").partition("@")
    version = version.partition("+")[0]
    if named in _LOCKS and version:
        return named, version
    if "pnpm-lock.yaml" in folder.paths:
        # lockfileVersion: '9.0'
        found = re.search(r"^lockfileVersion: ['\"]?(\d+)", folder.read("pnpm-lock.yaml"), re.MULTILINE)
        # Both 9 and 10 write version 9; what 10 may build while it installs has to be listed.
        lists = "onlyBuiltDependencies" in folder.read("package.json") + folder.read("pnpm-workspace.yaml")
        newest = "10.18.3" if lists else "9.15.9"
        return "pnpm", {"6": "8.15.9", "5": "7.33.7"}.get(found[1] if found else "", newest)
    if "yarn.lock" in folder.paths:
        return "yarn", "4.10.3" if "__metadata:" in folder.read("yarn.lock") else "1.22.22"
    return "npm", ""


def framework_of(manifest: Mapping[str, Any]) -> str:
    """The best known of its dependencies; "" for none."""
    known = _dependencies(manifest)
    return next((name for name in _FRAMEWORKS if name in known), "")


def _server(
    starter: Starter, manifest: Mapping[str, Any], folder: Folder, wishes: Wishes, built: frontend.Server | None
) -> Starter:
    start = start_of(manifest, folder)
    command = built.command if built else start.command
    texts = dict(sources(folder, *_CODE))
    text, by_default = "\n".join(texts.values()), _PORT_OF.get(starter.framework)
    # A framework's own server listens on its own port, whatever the pages connect to.
    found = (by_default if built else None) or find_port(texts, program_of(command)) or by_default
    is_library = not command and not found
    port = wishes.port or (None if is_library else found)
    build = "build" in _scripts(manifest)
    copies = _copies(folder, command, built) if build else ("./",)
    values = {
        **starter.values,
        "build": build,
        "copies": copies,
        "outputs": tuple(path for path in copies if build and path not in _ASSETS and not path.startswith(".")),
        "environment": {
            **({"PORT": str(port)} if port and (built or reads_port(text) or wishes.port) else {}),
            # A container's own address; Next.js would take the container's name, which Docker puts into HOSTNAME.
            **({"HOSTNAME" if starter.framework == "next" else "HOST": "0.0.0.0"} if built else {}),  # noqa: S104
            **dict(start.environment),
        },
        "modules": bool(manifest.get("dependencies")) and not (built and built.is_whole),
        "check_syntax": command[1] if not build and command[:1] == ("node",) and len(command) == 2 else "",
    }
    start_notes = () if built else start.notes
    return replace(
        starter,
        command=command,
        port=port,
        health_path=find_health_path(text),
        values=values,
        notes=(*starter.notes, *start_notes, *_gaps(command, copies, port, start.unclear)),
    )


def _gaps(command: tuple[str, ...], copies: tuple[str, ...], port: int | None, unclear: str) -> Iterator[str]:
    """What nothing in the folder says, and a person has to fill in."""
    if not command:
        yield f"{NO_START} ({unclear or 'no script start and no main'}): set CMD at the end of the Dockerfile"
    if command and not copies:
        yield "what of the build has to be in the image is not clear: COPY it at the end of the Dockerfile"
    if command and port is None:
        yield "its port was not found: no EXPOSE and no HEALTHCHECK; add them if it answers"


def _copies(folder: Folder, command: tuple[str, ...], built: frontend.Server | None) -> tuple[str, ...]:
    """What of the build stage runs: the folder of the program, and what servers read beside it."""
    if built:
        return built.copies
    program = program_of(command).removeprefix("./")
    output = program.partition("/")[0] if "/" in program or program in _OUTPUTS else ""
    if not output or output in ("node_modules", "src", "."):
        return ()
    return (output, *(name for name in _ASSETS if name != output and folder.has(name)))


def _install_values(manifest: Mapping[str, Any], folder: Folder, manager: str, manager_version: str) -> dict[str, Any]:
    scripts = {name: text for name, text in _scripts(manifest).items() if name in _LIFECYCLE}
    kept = {name for name, text in scripts.items() if "patch-package" in text or "prisma" in text}
    dropped = [name for name in scripts if name not in kept]
    after = [name for name in dropped if not _HOOKS.search(scripts[name])]
    lock = folder.first(_LOCKS[manager], *(("npm-shrinkwrap.json",) if manager == "npm" else ()))
    names = ("package.json", lock, ".npmrc", "pnpm-workspace.yaml", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs")
    folders = [name for name in ("patches", "prisma", ".yarn") if folder.has(name)]
    return {
        "static": "",
        "outputs": (),
        "build": False,
        "modules": False,
        "copies": (),
        "check_syntax": "",
        "environment": {},
        "manager_version": manager_version,
        "is_berry": manager == "yarn" and not manager_version.startswith("1."),
        "manifests": tuple(dict.fromkeys(name for name in names if name and name in folder.paths)),
        "folders": tuple(folders),
        "has_yarn_folder": ".yarn" in folders,
        "has_lock": bool(lock),
        "dropped": tuple(dropped),
        "after": tuple(after),
        "native": any(name in _dependencies(manifest) for name in _NATIVE),
        "has_development": bool(manifest.get("devDependencies")),
        "has_any": bool(_dependencies(manifest)),
    }


def _blocked(manifest: Mapping[str, Any], folder: Folder) -> str:
    if manifest.get("workspaces") or ("pnpm-workspace.yaml" in folder.paths and _lists_packages(folder)):
        return "it is the root of a workspace: name one of its packages that has a lock file of its own"
    for above in folder.above:
        lock = above.first("package-lock.json", "pnpm-lock.yaml", "yarn.lock")
        if lock and ("workspaces" in above.read("package.json") or "pnpm-workspace.yaml" in above.paths):
            if folder.first(*_LOCKS.values()):
                continue
            alone = {
                "package-lock.json": "npm install --package-lock-only --workspaces=false",
                "pnpm-lock.yaml": "pnpm install --lockfile-only --ignore-workspace",
            }.get(lock, "an own yarn.lock")
            return (
                f"it is part of a workspace and its lock file is {above.name}/{lock}, outside of its build context:"
                f" that is not handled. If it needs no sibling, give it a lock of its own ({alone}, in its folder)"
            )
    local = [
        name for name, value in _dependencies(manifest).items() if re.match(r"(file|link|workspace|portal):", value)
    ]
    if local:
        return f"its dependency {local[0]} ({_dependencies(manifest)[local[0]]}) is another folder: that is not handled"
    if folder.first("bun.lock", "bun.lockb") and not folder.first(*_LOCKS.values()):
        return "Bun is not handled: npm, pnpm and yarn are"
    return ""


def _lists_packages(folder: Folder) -> bool:
    return re.search(r"^packages:", folder.read("pnpm-workspace.yaml"), re.MULTILINE) is not None


def _notes(manifest: Mapping[str, Any], folder: Folder, manager: str) -> list[str]:
    notes = []
    if _dependencies(manifest) and not folder.first(_LOCKS[manager], "npm-shrinkwrap.json"):
        notes.append(f"there is no lock file, so each install may bring other versions: commit {_LOCKS[manager]}")
    if ".npmrc" in folder.paths and re.search(r"_auth|_password", folder.read(".npmrc")):
        notes.append(".npmrc holds a login and would reach the image: mount it as a secret instead")
    return notes


def _table(value: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _scripts(manifest: Mapping[str, Any]) -> dict[str, str]:
    return _table(manifest.get("scripts"))


def _dependencies(manifest: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in ("devDependencies", "optionalDependencies", "dependencies"):
        table = manifest.get(key)
        if isinstance(table, dict):
            found.update({str(name): str(value) for name, value in table.items()})
    return found
