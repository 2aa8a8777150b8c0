"""What rules know about the world: which files are dependency manifests, and which commands install dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch

# By file name, as package managers read them.
MANIFESTS = (
    ("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "pnpm-workspace.yaml"),
    (
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        "bun.lock",
        "bun.lockb",
        ".nvmrc",
        ".node-version",
        "lerna.json",
        "nx.json",
        "turbo.json",
    ),
    (
        "requirements*.txt",
        "requirements*.in",
        "requirements*.lock",
        "constraints*.txt",
        "overrides*.txt",
        "pyproject.toml",
    ),
    (
        "poetry.lock",
        "uv.lock",
        "pdm.lock",
        "Pipfile",
        "Pipfile.lock",
        "setup.cfg",
        "environment.yml",
        ".python-version",
    ),
    (
        "go.mod",
        "go.sum",
        "go.work",
        "go.work.sum",
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain*",
        "pom.xml",
        "*.gradle",
    ),
    ("*.gradle.kts", "gradle.properties", "gradlew", "gradle-wrapper.*", "libs.versions.toml", "mvnw"),
    (
        "*.csproj",
        "*.fsproj",
        "*.vbproj",
        "*.sln",
        "*.slnx",
        "Directory.*.props",
        "Directory.*.targets",
        "nuget.config",
        "NuGet.Config",
    ),
    ("packages.lock.json", "global.json", "composer.json", "composer.lock", "Gemfile", "Gemfile.lock", "*.gemspec"),
    (
        "mix.exs",
        "mix.lock",
        "rebar.config",
        "rebar.lock",
        "Package.swift",
        "Package.resolved",
        "pubspec.yaml",
        "pubspec.lock",
    ),
)
_ALL_MANIFESTS = tuple(pattern for row in MANIFESTS for pattern in row)
# Folders that hold nothing but manifests.
_MANIFEST_FOLDERS = ("gradle", ".mvn", ".yarn", "requirements", "vendor")

# pip install -r requirements.txt, uv sync, npm ci, apt-get -y install curl, go mod download, mvn dependency:go-offline
_INSTALL = re.compile(
    r"""(?:[\w./-]*/)?(?:
      (?:pip(?:\d(?:\.\d+)?)?|uv\s+pip|pipx|python\d?(?:\.\d+)?\s+-m\s+pip)
      \s+(?:[-\w=./:]+\s+)*?(?:install|sync|download|wheel)\b
    | uv\s+(?:-\S+\s+)*(?:sync|add|tool\s+install)\b
    | (?:poetry|pdm|pipenv|bundle|composer)\s+(?:-\S+\s+)*(?:install|sync|update|add|require)\b
    | (?:npm|pnpm|bun)\s+(?:OPTION\s+)*(?:ci|i|install|clean-install|install-clean|add|fetch)\b
    | yarn(?:\s+OPTION)*(?:\s+(?:install|add|workspaces\s+focus)\b|\s*$)
    | (?:apt|apt-get|aptitude|dnf|microdnf|yum|zypper)\s+(?:-\S+\s+|\S+=\S+\s+)*install\b
    | apk\s+(?:-\S+\s+)*add\b
    | (?:conda|mamba|micromamba)\s+(?:install|create|env\s+(?:create|update))\b
    | gem\s+install\b
    | go\s+(?:mod\s+download|get)\b | go\s+install\s+(?:-\S+\s+)*\S+@\S+
    | cargo\s+(?:fetch|chef\s+cook)\b | cargo\s+install\b(?!.*\s--path\b)
    | (?:mvn|mvnw)\s+.*?\bdependency:(?:go-offline|resolve)\b
    | dotnet\s+restore\b | mix\s+deps\.get\b | (?:dart|flutter)\s+pub\s+get\b | swift\s+package\s+resolve\b
    )(?![-\w])""".replace("OPTION", r"(?:(?:-C|-F|--(?:prefix|cwd|dir|filter))\s+\S+|-\S+)"),
    re.VERBOSE,
)
# A system package manager: its packages do not come from a manifest of the project.
_SYSTEM = re.compile(r"(?:\S*/)?(?:apt|apt-get|aptitude|dnf|microdnf|yum|zypper|apk)\s")

_CONTINUATION = re.compile(r"\\\r?\n")
# `# npm install` at the start of a line or after a blank
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
# echo "now run npm install"
_SAID = re.compile(r"""\b(?:echo|printf)\s+(?:"[^"]*"|'[^']*'|[^;&|\n"'])*""")
_SEPARATOR = re.compile(r"&&|\|\||[;&|\n(){}`]")
# RUN --mount=type=cache,target=/root/.npm CI=1 sudo -E sh -c "
_BEFORE_COMMAND = re.compile(
    r"""\s*(?:(?:
      RUN|CMD|CMD-SHELL|ENTRYPOINT|exec|command|time|then|do|else|if|while|!|corepack|xargs|env|nice
    | sudo(?:\s+-\w+)* | (?:gosu|su-exec)\s+\S+ | \S*\bsh(?:\s+-\w+)*\s+-\w*c | --\w[\w-]*=\S+ | \w+=\S*
    )\s+["']?)*""",
    re.VERBOSE,
)


def is_manifest(path: str) -> bool:
    """Whether a path that COPY names is a dependency manifest, or a folder of nothing else."""
    name = path.rstrip("/").rsplit("/", 1)[-1]
    return (
        name in _MANIFEST_FOLDERS
        # requirements/base.txt
        or fnmatch(path, "*requirements/*.txt")
        or any(fnmatch(name, pattern) for pattern in _ALL_MANIFESTS)
        or _is_manifest_glob(name)
    )


def find_install(command: str) -> str:
    """The first command in a shell text that installs dependencies, as written; "" where there is none."""
    return next(_installs(command), "")


def installs_from_manifest(command: str) -> bool:
    """Whether a shell text installs the project's own dependencies (system packages do not count)."""
    return any(not _SYSTEM.match(found) for found in _installs(command))


def _installs(text: str) -> Iterator[str]:
    """Only what stands where a command can stand counts: not a comment, not an argument, not what echo says."""
    text = _SAID.sub("", _COMMENT.sub("", _CONTINUATION.sub(" ", text)))
    for command in _SEPARATOR.split(text):
        start = _BEFORE_COMMAND.match(command)
        found = _INSTALL.match(command.rstrip(" \t\r\"'"), start.end() if start else 0)
        if found:
            yield " ".join(found[0].split())


def _is_manifest_glob(name: str) -> bool:
    """`package*.json`, `requirements*.txt`, `go.*`, `*.lock`: patterns that a manifest matches and source does not."""
    if not any(character in name for character in "*?["):
        return False
    samples = (
        "main.py",
        "index.js",
        "index.ts",
        "main.go",
        "Main.java",
        "main.rs",
        "Program.cs",
        "README.md",
        "app.json",
        "config.toml",
    )
    literal = [pattern for pattern in _ALL_MANIFESTS if "*" not in pattern]
    return any(fnmatch(manifest, name) for manifest in literal) and not any(fnmatch(sample, name) for sample in samples)
