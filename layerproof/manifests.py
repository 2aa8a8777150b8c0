"""Which files are dependency manifests, and which of them drive which package manager."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatch, translate

# By file name, as package managers read them.
_MANIFESTS = tuple(
    """
    package.json package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml pnpm-workspace.yaml .npmrc .yarnrc
    .yarnrc.yml .pnpmfile.cjs .pnp.cjs bun.lock bun.lockb bunfig.toml .nvmrc .node-version lerna.json nx.json
    turbo.json requirements*.txt *-requirements.txt *_requirements.txt requirements*.in *-requirements.in
    *_requirements.in requirements*.lock requirements.y*ml constraints*.txt overrides*.txt pyproject.toml
    poetry.lock uv.lock pdm.lock Pipfile Pipfile.lock setup.cfg setup.py environment.y*ml conda-lock.y*ml
    .tool-versions mise.toml .ruby-version symfony.lock renv.lock deno.json* deno.lock .python-version go.mod go.sum
    go.work go.work.sum Cargo.toml Cargo.lock rust-toolchain* pom.xml *.gradle *.gradle.kts build.sbt
    gradle.properties gradlew gradle-wrapper.* libs.versions.toml mvnw *.csproj *.fsproj *.vbproj *.sln *.slnx
    Directory.*.props Directory.*.targets [Nn]u[Gg]et.[Cc]onfig packages.lock.json global.json dotnet-tools.json
    gradle.lockfile composer.json composer.lock Gemfile Gemfile.lock *.gemspec mix.exs mix.lock conanfile.*
    vcpkg.json shard.yml shard.lock stack.yaml* *.cabal project.clj deps.edn rebar.config rebar.lock Package.swift
    Package.resolved pubspec.yaml pubspec.lock rush.json pixi.toml pixi.lock packages.config cpanfile
    cpanfile.snapshot Makefile.PL Build.PL DESCRIPTION *.rockspec luarocks.lock Podfile Podfile.lock *.opam
    *.opam.locked dune-project cabal.project cabal.project.freeze package.yaml Setup.hs .Rprofile *.deb *.rpm
    """.split()  # noqa: SIM905  # a hundred names read better than a hundred quoted lines
)
# One expression, because every file of a build context is asked.
_IS_MANIFEST = re.compile("|".join(map(translate, _MANIFESTS)))
# Folders that hold manifests and what belongs to them, by what lies there: a package may be called so too.
_BELOW_FOLDERS = {
    "gradle": (".jar", ".properties", ".toml", ".gradle", ".kts"),
    ".mvn": ("",),
    ".yarn": ("",),
    "requirements": (".txt", ".in"),
    "vendor": (".go", ".mod", ".sum", ".php", ".rb", ".gem", ".gemspec", ".rs", ".c", ".h", "modules.txt", "LICENSE"),
    "patches": (".patch", ".diff"),
    "prisma": (".prisma", ".sql"),
    ".cargo": ("config", "config.toml"),
    "renv": ("activate.R", "settings.json", "settings.dcf"),
}
_MANIFEST_FOLDERS = tuple(_BELOW_FOLDERS)
# .yarn/releases, .mvn/wrapper, gradle/wrapper, renv/activate.R, common/config/rush
_OF_A_MANAGER = re.compile(
    r"(^|/)(\.yarn|\.mvn|common/config/rush)/|(^|/)(gradle/wrapper|common/config/rush)/?$"
    r"|(^|/)renv/(activate\.R|settings\.\w+)$"
)
# Settings that a COPY names alone, and the script that starts a container: they change seldom.
_SETTINGS = (
    *(
        "tsconfig*.json",
        "jsconfig.json",
        "*.config.[jt]s",
        "*.config.[cm][jt]s",
        ".babelrc*",
        ".swcrc",
        ".browserslistrc",
    ),
    *("*.conf", "*.ini", "*.cnf", "*entrypoint*.sh", "wait-for*.sh"),
)
# What keeps an empty folder in a repository.
_EMPTY = (".keep", ".gitkeep")
_OF_DOCKER = ("Dockerfile*", "*.Dockerfile", "*.dockerfile", ".dockerignore", "*.dockerignore", "Containerfile*")

# For each package manager: the files that declare dependencies, and the locks beside them that it obeys.
_PYTHON_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")
_PERL = ("cpanfile", "Makefile.PL", "Build.PL")
_DRIVERS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "npm": (("package.json",), ("package-lock.json", "npm-shrinkwrap.json")),
    "yarn": (("package.json",), ("yarn.lock",)),
    "pnpm": (("package.json",), ("pnpm-lock.yaml",)),
    "bun": (("package.json",), ("bun.lock", "bun.lockb")),
    "pip": (
        (
            "requirements*.txt",
            "*-requirements.txt",
            "*_requirements.txt",
            "requirements*.lock",
            "constraints*.txt",
            *_PYTHON_PROJECT,
        ),
        (),
    ),
    "uv": (("pyproject.toml",), ("uv.lock",)),
    "poetry": (("pyproject.toml",), ("poetry.lock",)),
    "pdm": (("pyproject.toml",), ("pdm.lock",)),
    "pipenv": (("Pipfile",), ("Pipfile.lock",)),
    "conda": (("environment.y*ml",), ()),
    "mamba": (("environment.y*ml",), ()),
    "micromamba": (("environment.y*ml",), ()),
    "go": (("go.mod",), ("go.sum",)),
    "cargo": (("Cargo.toml",), ("Cargo.lock",)),
    "mvn": (("pom.xml",), ()),
    "mvnw": (("pom.xml",), ()),
    "mvnd": (("pom.xml",), ()),
    "gradle": (("build.gradle", "build.gradle.kts"), ("gradle/libs.versions.toml",)),
    "gradlew": (("build.gradle", "build.gradle.kts"), ("gradle/libs.versions.toml",)),
    "sbt": (("build.sbt",), ()),
    "dotnet": (("*.csproj", "*.fsproj", "*.vbproj", "Directory.Packages.props"), ("packages.lock.json",)),
    "composer": (("composer.json",), ("composer.lock",)),
    "bundle": (("Gemfile",), ("Gemfile.lock",)),
    "mix": (("mix.exs",), ("mix.lock",)),
    "swift": (("Package.swift",), ("Package.resolved",)),
    "dart": (("pubspec.yaml",), ("pubspec.lock",)),
    "flutter": (("pubspec.yaml",), ("pubspec.lock",)),
    "deno": (("deno.json", "deno.jsonc"), ("deno.lock",)),
    "ansible-galaxy": (("requirements.yml", "requirements.yaml"), ()),
    "lerna": (("package.json",), ("package-lock.json", "yarn.lock")),
    "rush": (("rush.json", "package.json"), ()),
    "pixi": (("pixi.toml", "pyproject.toml"), ("pixi.lock",)),
    "rye": (("pyproject.toml",), ("requirements.lock", "requirements-dev.lock")),
    "setup.py": (_PYTHON_PROJECT, ()),
    "nuget": (("packages.config", "*.csproj", "*.fsproj", "*.vbproj"), ("packages.lock.json",)),
    "cpanm": (_PERL, ()),
    "cpm": (_PERL, ("cpanfile.snapshot",)),
    "carton": (_PERL, ("cpanfile.snapshot",)),
    "renv": (("renv.lock", "DESCRIPTION"), ()),
    "luarocks": (("*.rockspec",), ("luarocks.lock",)),
    "rebar3": (("rebar.config",), ("rebar.lock",)),
    "lein": (("project.clj",), ()),
    "pod": (("Podfile",), ("Podfile.lock",)),
    "opam": (("*.opam",), ()),
    "cabal": (("*.cabal", "cabal.project"), ("cabal.project.freeze",)),
    "stack": (("stack.yaml", "package.yaml", "*.cabal"), ("stack.yaml.lock",)),
    # No command of these is known; a proof says so where one of their manifests is copied.
    "conan": (("conanfile.txt", "conanfile.py"), ()),
    "vcpkg": (("vcpkg.json",), ()),
    "shards": (("shard.yml",), ("shard.lock",)),
    "clojure": (("deps.edn",), ()),
}
MANAGERS = tuple(_DRIVERS)
# What a line of a manifest looks like that names something to fetch; of one not listed here it is taken for granted.
_DECLARES = {
    "go.mod": r"^\s*require\b",
    "*.csproj": "<PackageReference",
    "*.fsproj": "<PackageReference",
    "Package.swift": r"^(?!\s*//).*\.package\(",
    "mix.exs": r"^(?!\s*#).*\{\s*:\w+\s*,",
}


def is_manifest(path: str) -> bool:
    """Whether a path that COPY names is a dependency manifest, or a folder of nothing else."""
    name = path.rstrip("/").rsplit("/", 1)[-1]
    return (
        name in _MANIFEST_FOLDERS
        or _OF_A_MANAGER.search(path) is not None
        # requirements/base.txt
        or fnmatch(path, "*requirements/*.txt")
        or _IS_MANIFEST.match(name) is not None
        or _is_manifest_glob(name)
    )


def is_setting(path: str) -> bool:
    """Whether a path that COPY names is one file of settings: tsconfig.json, vite.config.ts, docker/entrypoint.sh."""
    name = path.rsplit("/", 1)[-1]
    return any(fnmatch(name, pattern) for pattern in _SETTINGS)


def is_source(path: str) -> bool:
    """Whether a file of a build context, by its path in it, is neither a manifest nor what Docker itself reads."""
    *folders, name = path.split("/")
    if is_manifest(path) or name in _EMPTY or any(fnmatch(name, pattern) for pattern in _OF_DOCKER):
        return False
    return not any(name.endswith(_BELOW_FOLDERS.get(folder, ())) for folder in folders)


def declares(tool: str, path: str) -> bool:
    """Whether a package manager reads its dependencies from a file of this name."""
    name = path.rsplit("/", 1)[-1]
    patterns, _ = _DRIVERS.get(tool, ((), ()))
    # requirements/base.txt
    return any(fnmatch(name, pattern) for pattern in patterns) or (
        tool == "pip" and fnmatch(path, "*requirements/*.txt")
    )


def locks_of(tool: str) -> tuple[str, ...]:
    """The names of the lock files that a package manager obeys, beside the manifest that it reads."""
    return _DRIVERS.get(tool, ((), ()))[1]


def has_dependencies(path: str, text: str) -> bool:
    """Whether a manifest names anything to fetch; only where the absence of a word shows it."""
    name = path.rsplit("/", 1)[-1]
    if name in ("Cargo.toml", "pyproject.toml", "package.json", "composer.json"):
        return _names_any(name, text)
    if fnmatch(name, "*requirements*"):
        return re.search(r"^\s*[^#\s]", text, re.MULTILINE) is not None
    expression = next((wanted for pattern, wanted in _DECLARES.items() if fnmatch(name, pattern)), "")
    return not expression or re.search(expression, text, re.MULTILINE) is not None


def install_scripts(text: str) -> str:
    """What a package.json has run while its dependencies are installed; "" where it is none."""
    try:
        scripts = dict(json.loads(text).get("scripts") or {})
    except (ValueError, TypeError, AttributeError):
        return ""
    return "\n".join(str(scripts.get(name, "")) for name in ("preinstall", "install", "postinstall", "prepare"))


def _names_any(name: str, text: str) -> bool:
    """Any table or list of dependencies, of a target or a workspace too, with an entry in it."""
    import tomli

    def search(table: object) -> bool:
        if not isinstance(table, dict):
            return False
        return any(
            (key.lower().endswith(("dependencies", "dependency-groups", "require", "require-dev")) and bool(value))
            or (key != "build-system" and search(value))
            for key, value in table.items()
        )

    try:
        return search(json.loads(text) if name.endswith(".json") else tomli.loads(text))
    except (ValueError, tomli.TOMLDecodeError):
        return True


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
    literal = [pattern for pattern in _MANIFESTS if "*" not in pattern]
    return any(fnmatch(manifest, name) for manifest in literal) and not any(fnmatch(sample, name) for sample in samples)
