"""What rules know about the world: which files are dependency manifests, and which commands install dependencies."""

from __future__ import annotations

import re
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
    r"""(?<![\w./-])(?:
      (?:pip3?|uv\ pip|pipx)\s+(?:[-\w=./]+\s+)*?(?:install|sync)\b
    | python3?(?:\.\d+)?\s+-m\s+pip\s+(?:[-\w=./]+\s+)*?install\b
    | uv\s+(?:[-\w=./]+\s+)*?(?:sync|add)\b
    | (?:poetry|pdm|pipenv|bundle|composer)\s+(?:[-\w=./]+\s+)*?(?:install|sync|update)\b
    | npm\s+(?:-[-\w=./]+\s+)*(?:ci|i|install|clean-install|add)\b
    | (?:pnpm|bun)\s+(?:-[-\w=./]+\s+)*(?:i|install|add|fetch)\b
    | yarn(?:\s+(?:-[-\w=./]+\s+)*(?:install|add)\b|(?:\s+--[-\w=]+)*\s*(?:$|&&|;|\|))
    | (?:apt|apt-get|aptitude|dnf|microdnf|yum|zypper)\s+(?:-[-\w=./:]+\s+)*install\b
    | apk\s+(?:-[-\w=./]+\s+)*add\b
    | (?:conda|mamba|micromamba)\s+(?:install|create|env\s+(?:create|update))\b
    | gem\s+install\b | go\s+mod\s+download\b | go\s+(?:get|install)\b | cargo\s+(?:fetch|install|chef\s+cook)\b
    | (?:mvn|\./mvnw)\s+[^&;|]*dependency:(?:go-offline|resolve)\b | dotnet\s+restore\b | mix\s+deps\.get\b
    )""",
    re.VERBOSE | re.MULTILINE,
)
# A system package manager: its packages do not come from a manifest of the project.
_SYSTEM = re.compile(r"(?<![\w./-])(?:apt|apt-get|aptitude|dnf|microdnf|yum|zypper|apk)\s")


def is_manifest(path: str) -> bool:
    """Whether a path that COPY names is a dependency manifest, or a folder of nothing else."""
    name = path.rstrip("/").rsplit("/", 1)[-1]
    return (
        name in _MANIFEST_FOLDERS
        or any(fnmatch(name, pattern) for pattern in _ALL_MANIFESTS)
        or _is_manifest_glob(name)
    )


def find_install(command: str) -> str:
    """The first command in a shell text that installs dependencies, as written; "" where there is none."""
    found = _INSTALL.search(command)
    return " ".join(found[0].split()) if found else ""


def installs_from_manifest(command: str) -> bool:
    """Whether a shell text installs the project's own dependencies (system packages do not count)."""
    return any(not _SYSTEM.match(found[0]) for found in _INSTALL.finditer(command))


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
