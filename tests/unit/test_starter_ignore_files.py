"""What the ignore file of a service keeps out, and that what a build needs reaches it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from layerproof.context import ignorer, parse_ignore
from layerproof.starters.render import render_ignore_file
from tests.starter_samples import SAMPLES, WSGI, folder, found, node

# what it is, the files, and what of them the build needs
LET_THROUGH: tuple[tuple[str, Mapping[str, str], str], ...] = (
    (
        "a page of Next.js",
        {
            **node(scripts={"build": "next build"}, dependencies={"next": "15"}),
            "next.config.mjs": "export default { output: 'standalone' }",
            "docs/intro.md": "# one",
        },
        "docs/intro.md",
    ),
    (
        "a site of Docusaurus",
        {
            **node(
                scripts={"start": "docusaurus start", "build": "docusaurus build"},
                dependencies={"@docusaurus/core": "3"},
            ),
            "docs/intro.md": "# one",
        },
        "docs/intro.md",
    ),
    (
        "a post of Astro",
        {**node(scripts={"build": "astro build"}, dependencies={"astro": "5"}), "src/content/post.md": ""},
        "src/content/post.md",
    ),
    ("a package called docs", {**SAMPLES["pip"], "shop/docs/__init__.py": ""}, "shop/docs/__init__.py"),
    ("pages called docs", {**SAMPLES["page"], "src/docs/page.tsx": ""}, "src/docs/page.tsx"),
    (
        "a package called docs at the top",
        {**SAMPLES["pip"], "app.py": f"from docs import api\n{WSGI}", "docs/api.py": ""},
        "docs/api.py",
    ),
    (
        "docs that swag has made",
        {**SAMPLES["go"], "main.go": 'package main\nimport _ "example.com/listener/docs"\n', "docs/docs.go": ""},
        "docs/docs.go",
    ),
    (
        "pages that Vite finds by a pattern",
        {**SAMPLES["page"], "src/a.ts": "import.meta.glob('/docs/**/*.md')", "docs/a.md": ""},
        "docs/a.md",
    ),
    (
        "a text that is read",
        {**SAMPLES["pip"], "app.py": f"PROMPT = open('prompt.md')\n{WSGI}", "prompt.md": ""},
        "prompt.md",
    ),
)


@pytest.mark.parametrize(("files", "path"), [row[1:] for row in LET_THROUGH], ids=[row[0] for row in LET_THROUGH])
def test_pages_and_code_among_documentation_reach_the_build(files: Mapping[str, str], path: str) -> None:
    ignored = ignorer(parse_ignore(render_ignore_file(found(files), folder(files))))
    assert path in files
    assert not ignored(path)


@pytest.mark.parametrize("name", SAMPLES)
def test_documentation_at_the_top_is_kept_out(name: str) -> None:
    files = {**SAMPLES[name], "docs/index.md": "", "docs/conf.py": "", "CHANGELOG.md": ""}
    ignored = ignorer(parse_ignore(render_ignore_file(found(files), folder(files))))
    assert ignored("docs/index.md")
    assert ignored("docs/conf.py")
    assert ignored("CHANGELOG.md")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_ignore_file_keeps_out_what_changes_all_the_time(name: str) -> None:
    text = render_ignore_file(found(SAMPLES[name]), folder(SAMPLES[name]))
    for pattern in ("**/node_modules", "**/.git", "**/.env", "**/*.log", "data/", "**/*.pkl", "**/__pycache__"):
        assert pattern in text.splitlines()


def test_the_output_of_the_build_is_ignored_and_what_it_is_made_from_is_not() -> None:
    files = {**node(scripts={"build": "tsc", "start": "node dist/a.js"}), "build/config.js": "", "public/a.txt": ""}
    lines = render_ignore_file(found(files), folder(files)).splitlines()
    assert "dist" in lines
    assert not {"build", "public"} & set(lines)


def test_the_readme_that_a_package_is_built_with_is_let_through() -> None:
    assert "!README.md" in render_ignore_file(found(SAMPLES["uv"]), folder(SAMPLES["uv"])).splitlines()


def test_texts_that_a_package_is_built_with_are_let_through() -> None:
    table = "[tool.poetry]\nname = 'a'\nreadme = ['docs/long.md']\nlicense = {file = 'LICENSE.md'}\n"
    files = {
        "pyproject.toml": f"{table}[tool.poetry.scripts]\na = 'a:main'\n[build-system]\nrequires = []\n",
        "poetry.lock": "",
        "a/__init__.py": "",
    }
    assert render_ignore_file(found(files), folder(files)).splitlines()[-2:] == ["!docs/long.md", "!LICENSE.md"]


def test_code_in_a_folder_called_data_is_let_through() -> None:
    files = {**SAMPLES["pip"], "data/__init__.py": ""}
    assert "!data/**/*.py" in render_ignore_file(found(files), folder(files)).splitlines()
