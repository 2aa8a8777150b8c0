"""What an ignore file keeps out of a build context, by language and framework, and what it has to let through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from layerproof.starters import Folder, Starter
from layerproof.starters.sources import sources

# What a language leaves in its folder, and what only its developers read.
_IGNORED: Mapping[str, tuple[str, ...]] = {
    "node": (
        *(
            "**/coverage",
            "**/.next",
            "**/.nuxt",
            "**/.output",
            "**/.svelte-kit",
            "**/.turbo",
            "**/.cache",
            "**/*.tsbuildinfo",
        ),
        *(
            "**/.yarn/cache",
            "**/.yarn/unplugged",
            "**/.yarn/install-state.gz",
            "**/*.test.*",
            "**/*.spec.*",
            "**/__tests__",
        ),
    ),
    "python": (
        *("**/.venv", "**/venv", "**/*.pyc", "**/*.egg-info", "**/.pytest_cache", "**/.mypy_cache", "**/.ruff_cache"),
        *("**/.tox", "**/.nox", "**/.coverage", "**/htmlcov", "**/tests", "**/test_*.py", "**/conftest.py"),
    ),
    "go": ("**/*_test.go", "**/testdata", "bin"),
    "rust": ("target",),
    "java": ("**/target", "src/test"),
    "dotnet": ("**/bin", "**/obj", "**/*.user", "**/.vs", "**/TestResults"),
}
_CODE = {"python": "py", "go": "go", "node": "[cm]*[jt]s", "rust": "rs", "java": "java", "dotnet": "cs"}
_ENDINGS = {"node": (".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte")}
# Documentation lies at the top; below it, a folder called docs and a Markdown file are as likely pages or code.
_DOCUMENTATION = ("*.md", "docs")
# Frameworks that make pages of Markdown, wherever it lies; VuePress takes README.md for a page too.
_PAGES_OF_MARKDOWN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("next", "nuxt", "astro", "gatsby", "@docusaurus/core", "vitepress", "@11ty/eleventy"), ("README.md",)
    ),
    "vuepress": (),
}
# from docs import api; import "example.com/shop/docs"; './docs/page'; "../docs/help.md"; '/docs/*.md'
_NAMES_DOCS = re.compile(
    r"""\b(?:from|import)\s+docs\b|["'`](?:[^"'`\s/:][^"'`\s:]*/)?docs(?:[./][^"'`\s]*)?["'`]|["'`]/docs/[^"'`\s]*\*"""
)


def ignored_lines(starter: Starter, folder: Folder) -> list[str]:
    """The lines of an ignore file that are not the same for every language, exceptions last."""
    lines = [*_PAGES_OF_MARKDOWN.get(starter.framework, _DOCUMENTATION), *_IGNORED[starter.language]]
    if starter.language == "node" and starter.values.get("build"):
        lines += starter.values["outputs"]
    ending = f".{_CODE[starter.language]}"
    if any(
        path.startswith("data/") and re.search(rf"{re.escape(ending)}$|\.[cm]?[jt]s$", path) for path in folder.paths
    ):
        # Code by a name that is ignored: a package called data.
        lines.append(f"!data/**/*{ending}")
    if starter.framework not in _PAGES_OF_MARKDOWN:
        lines += _named_documentation(starter, folder)
    return [*lines, *starter.keeps]


def _named_documentation(starter: Starter, folder: Folder) -> Iterator[str]:
    """What of the documentation the sources import or read; a README is a matter of `Starter.keeps`."""
    endings = _ENDINGS.get(starter.language, (f".{_CODE[starter.language]}",))
    text = "\n".join(body for _, body in sources(folder, *endings))
    if folder.has("docs") and _NAMES_DOCS.search(text):
        yield "!docs/**"
    for path in folder.top():
        if path.endswith(".md") and path != "README.md" and re.search(rf"[\"'`/]{re.escape(path)}[\"'`]", text):
            yield f"!{path}"
