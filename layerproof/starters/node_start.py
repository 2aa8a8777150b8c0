"""The program that a package.json starts, without the package manager around it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from layerproof.starters import Folder

# In this order, since `start` often means development.
_SCRIPTS = ("start:prod", "start:production", "serve:prod", "start", "serve")
_DEVELOPMENT = (
    *("nodemon", "ts-node", "ts-node-dev", "tsx", "vite", "nest", "webpack", "react-scripts", "ng", "parcel"),
    *("docusaurus", "gatsby", "astro", "vitepress", "vuepress", "eleventy", "vue-cli-service", "rsbuild", "remix"),
)
# Programs that are called otherwise than the package that brings them.
_PACKAGE_OF = {
    "react-router-serve": "@react-router/serve",
    "remix-serve": "@remix-run/serve",
    "strapi": "@strapi/strapi",
    "fastify": "fastify-cli",
    "medusa": "@medusajs/medusa",
    "keystone": "@keystone-6/core",
}
_BUNDLERS = ("vite", "react-scripts", "@angular/cli", "@vue/cli-service", "parcel", "webpack", "svelte")
_MAINS = ("server.js", "index.js", "app.js", "main.js", "src/server.js", "src/index.js", "src/app.js", "src/main.js")

# Options of node whose value is a word of its own.
_WITH_VALUE = ("-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--env-file")


class Start(Struct, frozen=True):
    """`unclear` says why there is no command; "" where there is one. `notes` say what of the script is left out."""

    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    unclear: str = ""
    notes: tuple[str, ...] = ()


def start_of(manifest: Mapping[str, Any], folder: Folder) -> Start:
    """The command of the scripts, else `main`, else a file that is called like one."""
    scripts = manifest.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    unclear = ""
    for name in _SCRIPTS:
        if isinstance(scripts.get(name), str):
            found = _of_script(name, scripts, manifest, depth=0)
            if found.command:
                return found
            unclear = unclear or found.unclear
    main = str(manifest.get("main") or "").removeprefix("./")
    is_program = main in folder.paths and not _is_published(manifest)
    if is_program:
        return Start(("node", main))
    found_file = folder.first(*_MAINS, *(name.replace(".js", ".mjs") for name in _MAINS))
    if found_file and not _is_published(manifest) and not _is_page(manifest):
        return Start(("node", found_file))
    return Start(unclear=unclear)


def program_of(command: Sequence[str]) -> str:
    """The file or folder that a command runs, no option of node and no program of a package; "" for none."""
    words = iter(command[1:])
    for word in words:
        if word in _WITH_VALUE:
            next(words, "")
        elif not word.startswith("-") and (command[0] == "node" or "/" in word):
            return word
    return ""


def _of_script(name: str, scripts: Mapping[str, Any], manifest: Mapping[str, Any], *, depth: int) -> Start:
    text = str(scripts[name])
    if re.search(r"[|;&<>`$()]", text):
        return Start(unclear=f"the script {name} is a shell command: {text}")
    try:
        words = shlex.split(text)
    except ValueError:
        return Start(unclear=f"the script {name} cannot be read: {text}")
    words = words[1:] if words[:1] == ["cross-env"] else words
    environment = {}
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        key, _, value = words.pop(0).partition("=")
        environment[key] = value
    if not words:
        return Start(unclear=f"the script {name} is empty")
    # npm run serve, yarn serve
    other = words[-1] if words[0] in ("npm", "yarn", "pnpm") and len(words) in (2, 3) else ""
    if other in scripts and other != name and depth < 5:
        return _of_script(other, scripts, manifest, depth=depth + 1)
    if words[0] == "node":
        kept, notes = _without_env_file(words)
        return Start(tuple(_with_ending(word, manifest) for word in kept), environment, notes=notes)
    if words[0] in _DEVELOPMENT or words[0] in ("npm", "yarn", "pnpm", "npx"):
        return Start(unclear=f"the script {name} is for development: {text}")
    if not {words[0], _PACKAGE_OF.get(words[0], words[0])}.isdisjoint(manifest.get("dependencies") or {}):
        return Start((f"node_modules/.bin/{words[0]}", *words[1:]), environment)
    return Start(unclear=f"the script {name} runs {words[0]}, which is none of its dependencies")


def _without_env_file(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """A command without the files of settings that no image holds, and what is to be done about them."""
    # --env-file=.env, --env-file .env
    left_out = {at for at, word in enumerate(words) if word == "--env-file" or word.startswith("--env-file=")}
    left_out |= {at + 1 for at in left_out if words[at] == "--env-file"}
    if not left_out:
        return list(words), ()
    option = " ".join(words[at] for at in sorted(left_out) if at < len(words))
    note = f"its start script reads `{option}`, which no image holds: give it to the service by env_file in Compose"
    return [word for at, word in enumerate(words) if at not in left_out], (note,)


def _with_ending(word: str, manifest: Mapping[str, Any]) -> str:
    if word == "." and manifest.get("main"):
        return str(manifest["main"]).removeprefix("./")
    # node dist/main, as Nest writes it
    return f"{word}.js" if re.fullmatch(r"(\./)?(dist|build|lib|out)/[\w/-]+", word) else word


def _is_page(manifest: Mapping[str, Any]) -> bool:
    """A front end, whose main.js runs in a browser."""
    tables = (manifest.get("dependencies") or {}, manifest.get("devDependencies") or {})
    return any(name in table for name in _BUNDLERS for table in tables)


def _is_published(manifest: Mapping[str, Any]) -> bool:
    """A library: something to import, and nothing to start."""
    return bool(manifest.get("exports") or manifest.get("types") or manifest.get("files")) and not manifest.get("bin")
