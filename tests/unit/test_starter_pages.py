"""What a build script makes: files for a web server, a server, or what somebody else starts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from layerproof.starters import Wishes
from layerproof.starters.detect import detect
from layerproof.starters.render import render_dockerfile
from tests.starter_samples import folder, found, node

VITE = {"vite": "6"}
DOCUSAURUS = node(
    scripts={"start": "docusaurus start", "build": "docusaurus build", "serve": "docusaurus serve"},
    dependencies={"@docusaurus/core": "3"},
)
GATSBY = node(
    scripts={"start": "gatsby develop", "build": "gatsby build", "serve": "gatsby serve"}, dependencies={"gatsby": "5"}
)


def vite(start: str) -> dict[str, str]:
    return node(scripts={"build": "vite build", "start": start}, devDependencies=VITE)


# what it is, the files, and the folder that nginx serves
STATIC: tuple[tuple[str, Mapping[str, str], str], ...] = (
    ("Docusaurus, whose start is for development", DOCUSAURUS, "build"),
    ("Gatsby, whose start is for development", GATSBY, "public"),
    (
        "Vite by its preview",
        node(scripts={"build": "vite build", "start": "npm run preview"}, devDependencies=VITE),
        "dist",
    ),
    (
        "pages by serve",
        node(scripts={"build": "vite build", "start": "PORT=1 npx serve -s dist"}, devDependencies=VITE),
        "dist",
    ),
    (
        "VitePress in docs",
        node(scripts={"build": "vitepress build docs"}, devDependencies={"vitepress": "1"}),
        "docs/.vitepress/dist",
    ),
    (
        "Eleventy with a folder of its own",
        {
            **node(scripts={"build": "eleventy"}, devDependencies={"@11ty/eleventy": "3"}),
            "eleventy.config.js": "return { dir: { output: 'www' } }",
        },
        "www",
    ),
    (
        "React Router without a server",
        {
            **node(scripts={"build": "react-router build"}, devDependencies={"@react-router/dev": "7", "vite": "6"}),
            "react-router.config.ts": "export default { ssr: false }",
        },
        "build/client",
    ),
)

# what it is, the manifest, its command, and what of the build it needs
SERVERS: tuple[tuple[str, Mapping[str, str], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "React Router by its server",
        node(
            scripts={"build": "react-router build", "start": "react-router-serve ./build/server/index.js"},
            dependencies={"@react-router/serve": "7", "react-router": "7"},
            devDependencies={"@react-router/dev": "7", "vite": "6"},
        ),
        ("node_modules/.bin/react-router-serve", "./build/server/index.js"),
        ("build",),
    ),
    (
        "Remix by its server",
        node(
            scripts={"build": "remix vite:build", "start": "remix-serve ./build/server/index.js"},
            dependencies={"@remix-run/serve": "2"},
            devDependencies={"@remix-run/dev": "2", "vite": "5"},
        ),
        ("node_modules/.bin/remix-serve", "./build/server/index.js"),
        ("build",),
    ),
    ("a folder that node starts", node(scripts={"build": "tsc", "start": "node dist"}), ("node", "dist"), ("dist",)),
    (
        "main by a point",
        node(scripts={"build": "tsc", "start": "node ."}, main="./lib/a.js"),
        ("node", "lib/a.js"),
        ("lib",),
    ),
    (
        "a module that is loaded before",
        node(scripts={"build": "tsc", "start": "node -r dotenv/config dist/a.js"}),
        ("node", "-r", "dotenv/config", "dist/a.js"),
        ("dist",),
    ),
)


@pytest.mark.parametrize(("files", "static"), [row[1:] for row in STATIC], ids=[row[0] for row in STATIC])
def test_pages_are_served_from_the_folder_that_their_build_writes(files: Mapping[str, str], static: str) -> None:
    starter = found(files)
    assert starter.values["static"] == static
    assert f"COPY --from=build /app/{static} " in render_dockerfile(starter, "web", Wishes())


@pytest.mark.parametrize(("files", "command", "copies"), [row[1:] for row in SERVERS], ids=[row[0] for row in SERVERS])
def test_a_server_gets_what_its_build_writes(
    files: Mapping[str, str], command: tuple[str, ...], copies: tuple[str, ...]
) -> None:
    starter = found(files)
    assert starter.command == command
    assert starter.values["copies"] == copies


def test_a_server_of_react_router_listens_on_its_own_port() -> None:
    assert found(SERVERS[0][1]).port == 3000


def test_a_name_within_that_of_a_dependency_is_none() -> None:
    assert found(node(scripts={"start": "serve-all"}, dependencies={"@acme/serve-all-things": "1"})).command == ()


def test_what_of_a_build_has_to_be_copied_is_asked_for_where_nothing_says_it() -> None:
    files = node(scripts={"build": "strapi build", "start": "strapi start"}, dependencies={"@strapi/strapi": "5"})
    assert "what of the build" in " ".join(found(files).notes)
    assert "# FILL IN what the build leaves" in render_dockerfile(found(files), "api", Wishes())


@pytest.mark.parametrize("beside", [("composer.json", "artisan"), ("Gemfile",), ("mix.exs",)], ids=str)
def test_the_pages_of_an_application_in_another_language_are_not_the_application(beside: tuple[str, ...]) -> None:
    files = {**node(scripts={"build": "vite build"}, devDependencies=VITE), **dict.fromkeys(beside, "")}
    assert detect(folder(files)) is None
