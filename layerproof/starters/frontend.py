"""What the build of a front end leaves: files for a web server, or a server of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from layerproof.starters import Folder
from layerproof.starters.node_start import start_of

_VITE_CONFIGS = tuple(f"vite.config.{ending}" for ending in ("ts", "js", "mjs", "mts"))
_WRAPPERS = ("npm", "npx", "yarn", "pnpm", "run", "exec", "dlx", "cross-env")
_PREVIEWS = ("vite", "serve", "preview", "sirv", "http-server")


class Static(Struct, frozen=True):
    """Files in a folder; of a single-page application every path is its index.html."""

    folder: str
    single_page: bool = True


class Server(Struct, frozen=True):
    """A program that the build makes; `is_whole` says that it has its packages inside."""

    command: tuple[str, ...]
    copies: tuple[str, ...]
    is_whole: bool = False


class Unclear(Struct, frozen=True):
    """Why nothing can be said, and what to do."""

    reason: str


def output_of(manifest: Mapping[str, Any], folder: Folder) -> Static | Server | Unclear | None:
    """What `npm run build` makes; None where it is no front end."""
    names = _names(manifest)
    if "build" not in (manifest.get("scripts") or {}):
        return None
    for framework, find in _WITH_SERVER.items():
        if framework in names:
            return find(names, folder)
    if start_of(manifest, folder).command and not _starts_preview(manifest):
        return None  # a server that is built
    for tool, output in _STATIC.items():
        if tool in names and names.isdisjoint(_SERVERS):
            return output(folder)
    return None


def _next(_: set[str], folder: Folder) -> Static | Server | Unclear:
    config = folder.first("next.config.js", "next.config.mjs", "next.config.ts", "next.config.cjs")
    text = folder.read(config) if config else ""
    if re.search(r"output\s*:\s*['\"]export['\"]", text):
        return Static("out", single_page=False)
    if re.search(r"output\s*:\s*['\"]standalone['\"]", text):
        public = ("public",) if folder.has("public") else ()
        return Server(("node", "server.js"), (".next/standalone", ".next/static", *public), is_whole=True)
    return Unclear(f'Next.js: set output: "standalone" in {config or "next.config.js"}, and run this again')


def _svelte_kit(names: set[str], _: Folder) -> Static | Server | Unclear:
    if "@sveltejs/adapter-node" in names:
        return Server(("node", "build"), ("build",))
    if "@sveltejs/adapter-static" in names:
        return Static("build")
    return Unclear("SvelteKit: install @sveltejs/adapter-node or @sveltejs/adapter-static, and run this again")


def _angular(folder: Folder) -> Static | Unclear:
    try:
        projects = json.loads(folder.read("angular.json"))["projects"]
        name, body = next(iter(projects.items()))
        build = (body.get("architect") or body.get("targets"))["build"]
        path = build.get("options", {}).get("outputPath", f"dist/{name}")
        base = path["base"] if isinstance(path, dict) else str(path)
    except (ValueError, KeyError, TypeError, StopIteration, AttributeError):
        return Unclear("angular.json: its build's outputPath cannot be read")
    return Static(f"{base}/browser" if "application" in str(build.get("builder")).rpartition(":")[2] else base)


def _vite_folder(folder: Folder) -> str:
    config = folder.first(*_VITE_CONFIGS, "vue.config.js")
    found = re.search(r"(?:outDir|outputDir)\s*:\s*['\"]\.?/?([\w./-]+)['\"]", folder.read(config)) if config else None
    return found[1].rstrip("/") if found and ".." not in found[1] else "dist"


def _react_router(folder: Folder) -> Static | Unclear:
    config = folder.first("react-router.config.ts", "react-router.config.js", *_VITE_CONFIGS)
    # ssr: false
    if config and re.search(r"\bssr\s*:\s*false\b", folder.read(config)):
        return Static("build/client")
    return Unclear(
        "React Router: nothing starts its server: add a script start (react-router-serve), and run this again"
    )


def _vitepress(folder: Folder) -> Static:
    # vitepress build docs
    found = re.search(r"(?:vitepress|vuepress) build\s+([\w./-]+)", folder.read("package.json"))
    above = found[1].removeprefix("./").strip("/.") if found else ""
    return Static(f"{above}/.vitepress/dist".removeprefix("/"), single_page=False)


def _eleventy(folder: Folder) -> Static:
    config = folder.first(".eleventy.js", *(f"eleventy.config.{ending}" for ending in ("js", "mjs", "cjs")))
    found = re.search(r"\boutput\s*:\s*['\"]([\w./-]+)['\"]", folder.read(config)) if config else None
    return Static(found[1].strip("./") if found else "_site", single_page=False)


def _starts_preview(manifest: Mapping[str, Any]) -> bool:
    scripts = manifest.get("scripts") or {}
    # npx serve -s build, npm run preview, PORT=3000 vite preview
    words = [word for word in str(scripts.get("start") or scripts.get("serve") or "").split() if "=" not in word]
    return next((word for word in words if word not in _WRAPPERS), "") in _PREVIEWS


def _names(manifest: Mapping[str, Any]) -> set[str]:
    tables = (manifest.get("dependencies"), manifest.get("devDependencies"))
    return {str(name) for table in tables if isinstance(table, dict) for name in table}


def _nuxt(_: set[str], __: Folder) -> Server:
    return Server(("node", ".output/server/index.mjs"), (".output",), is_whole=True)


def _astro(names: set[str], _: Folder) -> Static | Server:
    if "@astrojs/node" in names:
        return Server(("node", "dist/server/entry.mjs"), ("dist",))
    return Static("dist", single_page=False)


_WITH_SERVER = {"next": _next, "nuxt": _nuxt, "@sveltejs/kit": _svelte_kit, "astro": _astro}
_SERVERS = ("express", "fastify", "koa", "@nestjs/core")
_STATIC: Mapping[str, Callable[[Folder], Static | Unclear]] = {
    "react-scripts": lambda _: Static("build"),
    "@angular/cli": _angular,
    "@docusaurus/core": lambda _: Static("build", single_page=False),
    "gatsby": lambda _: Static("public", single_page=False),
    "vitepress": _vitepress,
    "@11ty/eleventy": _eleventy,
    **dict.fromkeys(("@react-router/dev", "@remix-run/dev"), _react_router),
    **dict.fromkeys(
        ("vite", "@vue/cli-service", "parcel", "@rsbuild/core", "webpack-cli"),
        lambda folder: Static(_vite_folder(folder)),
    ),
}
