"""
Every build context has an ignore file that keeps out what no build should see.

node_modules, __pycache__, .git, .gitignore, .env, *.log, data/ and *.pkl change all the time and decide nothing; .env
holds secrets. What reaches the context can reach the image, and every change of it re-runs a `COPY . .`. A pattern
without `**/` holds at the top of the context only.

Bad:
    node_modules
    *.log

Good:
    **/node_modules
    **/__pycache__
    **/.git
    **/.gitignore
    **/.env
    **/*.log
    **/data/
    **/*.pkl

Source: R8 (US-7).
"""

from collections.abc import Iterator

from layerproof.context import ignorer
from layerproof.policy import Breach, IgnoreSubject

# What the requirement names, and paths it must keep out: at the top, and below for what appears anywhere.
MANDATORY = {
    "node_modules": ("node_modules/a.js", "pkg/node_modules/a.js"),
    "__pycache__": ("__pycache__/a.pyc", "pkg/__pycache__/a.pyc"),
    ".git": (".git/config",),
    ".gitignore": (".gitignore",),
    ".env": (".env",),
    "*.log": ("app.log", "pkg/app.log"),
    "data/": ("data/a.bin",),
    "*.pkl": ("model.pkl", "pkg/model.pkl"),
}


def check(subject: IgnoreSubject) -> Iterator[Breach]:
    """A missing file, or one finding for all paths that it lets through."""
    if subject.patterns is None:
        yield 1, f"there is no {subject.path.name}: the whole folder is sent to the builder"
        return
    ignored = ignorer(subject.patterns)
    for name, paths in MANDATORY.items():
        through = [path for path in paths if not ignored(path)]
        if through:
            hint = f"write **/{name}" if len(through) < len(paths) else f"add **/{name}"
            yield 1, f"{through[0]} reaches the build context: {hint}"
