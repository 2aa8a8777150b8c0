"""What package managers are called, and what their verbs and flags do; data only, read by `commands`."""

from __future__ import annotations

import re
from collections.abc import Mapping

ECOSYSTEMS = {
    "node": ("npm", "npx", "pnpm", "yarn", "bun", "lerna", "rush"),
    "python": (
        *("pip", "uv", "poetry", "pdm", "pipenv", "pipx", "conda", "mamba", "micromamba", "pixi", "rye", "setup.py"),
    ),
    "go": ("go",),
    "rust": ("cargo",),
    "jvm": ("mvn", "mvnw", "mvnd", "gradle", "gradlew", "sbt"),
    "dotnet": ("dotnet", "nuget"),
    "php": ("composer",),
    "ruby": ("bundle", "gem"),
    "elixir": ("mix",),
    "swift": ("swift",),
    "dart": ("dart", "flutter"),
    "deno": ("deno",),
    "ansible": ("ansible-galaxy",),
    "perl": ("cpanm", "cpm", "carton"),
    "r": ("R", "renv"),
    "lua": ("luarocks",),
    "erlang": ("rebar3",),
    "clojure": ("lein",),
    "cocoapods": ("pod",),
    "ocaml": ("opam",),
    "haskell": ("cabal", "stack"),
}
ECOSYSTEM_OF = {tool: name for name, tools in ECOSYSTEMS.items() for tool in tools}

# Functions of R that install: what they are told, or what a lock or a DESCRIPTION says.
_R_SOURCES = ("bioc", "cran", "git", "github", "gitlab", "url", "version")
R_NAMING = (
    *("install.packages", "utils::install.packages", "renv::install", "BiocManager::install", "pak::pkg_install"),
    *(f"{package}install_{source}" for package in ("remotes::", "devtools::", "") for source in _R_SOURCES),
)
R_RESTORING = (
    *("renv::restore", "packrat::restore", "pak::local_install_deps"),
    *("remotes::install_deps", "devtools::install_deps", "install_deps"),
)
# install.packages('shiny'); not installed.packages()
R_INSTALL = re.compile(rf"(?<![\w.:])(?P<name>{'|'.join(map(re.escape, (*R_NAMING, *R_RESTORING)))})\s*\(")

# tool -> its verbs that install; a verb of two words has a blank
INSTALLS: Mapping[str, tuple[str, ...]] = {
    "npm": (
        *("ci", "i", "install", "clean-install", "install-clean", "add", "update", "up", "upgrade"),
        # its other names for them, and those that test afterwards
        *("ic", "in", "ins", "inst", "insta", "instal", "isnt", "isnta", "isntal", "isntall", "isntall-clean"),
        *("udpate", "install-test", "it", "install-ci-test", "clean-install-test", "cit", "sit"),
    ),
    "pnpm": ("ci", "i", "install", "add", "fetch", "update", "up"),
    "bun": ("ci", "i", "install", "add", "update"),
    "yarn": ("", "install", "add", "up", "upgrade", "workspaces focus"),
    "pip": ("install", "sync", "download", "wheel", "pip-sync"),
    "uv": ("add", "tool install", "python install"),
    "pipx": ("install", "inject"),
    "poetry": ("add", "update"),
    "pdm": ("add", "update"),
    "pipenv": ("install", "sync", "update"),
    "conda": ("install", "create", "env create", "env update"),
    "mamba": ("install", "create", "env create", "env update"),
    "micromamba": ("install", "create", "env create", "env update"),
    "composer": ("update", "u", "upgrade", "require", "r"),
    "bundle": ("", "install", "update"),
    "gem": ("install",),
    "go": ("mod download", "get"),
    "cargo": ("fetch", "chef cook"),
    "dotnet": ("restore", "tool install", "tool restore"),
    "swift": ("package resolve", "package update"),
    "dart": ("pub get",),
    "flutter": ("pub get",),
    "mix": ("deps.get",),
    "deno": ("install", "cache", "add"),
    "ansible-galaxy": ("install", "collection install", "role install"),
    "lerna": ("bootstrap",),
    "rush": ("install", "update"),
    "pixi": ("install", "add", "global install"),
    "nuget": ("restore", "install"),
    "carton": ("install",),
    "cpm": ("install",),
    "luarocks": ("install",),
    "rebar3": ("get-deps",),
    "lein": ("deps",),
    "pod": ("install", "update"),
    "opam": ("install",),
}
# tool -> those of them that are told what to install
NAMING: Mapping[str, tuple[str, ...]] = {
    "pipx": ("install", "inject"),
    "gem": ("install",),
    "cargo": ("install",),
    "go": ("install", "get"),
    "uv": ("add", "install"),
    "poetry": ("add",),
    "pdm": ("add",),
    "composer": ("require", "r"),
    "dotnet": ("install",),
    "conda": ("install", "create"),
    "mamba": ("install", "create"),
    "pixi": ("add", "global install"),
    "nuget": ("install",),
    "luarocks": ("install",),
    "opam": ("install",),
    "cpanm": ("cpanm",),
    "cpm": ("install",),
    "R": tuple(f"{name}()" for name in R_NAMING),
}
# tool -> what says that a manifest drives it all the same
DRIVEN: Mapping[str, frozenset[str]] = {
    "cpanm": frozenset(("--installdeps", ".")),
    "luarocks": frozenset(("--deps-only", "--only-deps")),
    "opam": frozenset(("--deps-only", ".", "./")),
    "nuget": frozenset(("packages.config",)),
}
# tool -> its verbs that install the project itself and what it lacks, and the flags that leave the project out
PROJECTS: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "uv": (("sync",), frozenset(("--no-install-project", "--no-install-workspace"))),
    "poetry": (("install", "sync"), frozenset(("--no-root",))),
    "pdm": (("install", "sync"), frozenset(("--no-self",))),
    "rye": (("sync",), frozenset()),
    "setup.py": (("install", "develop"), frozenset()),
    "composer": (("install", "i"), frozenset(("--no-autoloader", "--no-scripts"))),
}
# tool -> its verbs that fetch and compile what is missing while they build
BUILDS: Mapping[str, tuple[str, ...]] = {
    "go": ("build", "install", "test", "run", "vet"),
    "cargo": ("build", "b", "install", "test", "t", "run", "r", "check", "zigbuild"),
    "dotnet": ("build", "publish", "test", "run", "pack"),
    "swift": ("build", "test"),
    "mix": ("compile", "release"),
    "flutter": ("build",),
    "rebar3": ("compile", "release", "as"),
    "lein": ("uberjar", "compile"),
    "cabal": ("build", "install", "v2-build", "new-build"),
    "stack": ("build", "install"),
}
# What leaves only the dependencies of what such a tool builds.
DEPENDENCIES_ONLY = frozenset(("--only-dependencies", "--dependencies-only"))
MAVEN_PHASES = {"package", "install", "verify", "compile", "test", "deploy"}
# dependency:go-offline, dependency:resolve-plugins, org.apache.maven.plugins:maven-dependency-plugin:3.6.1:go-offline
MAVEN_FETCH = re.compile(r"(?:^|:|-)dependency(?:-plugin)?(?::[\d.]+)?:(?:go-offline|resolve|get|copy-dep)")
_RPM_INSTALLS = (
    "install",
    "in",
    "groupinstall",
    "group install",
    "groups install",
    "localinstall",
    "builddep",
    "module install",
)
SYSTEM: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("apt", "apt-get", "aptitude"), ("install", "build-dep")),
    **dict.fromkeys(("dnf", "microdnf", "tdnf", "yum", "zypper"), _RPM_INSTALLS),
    "apk": ("add",),
    "pecl": ("install",),
    "pear": ("install",),
}
# Those whose operands are packages, with no verb before them.
SYSTEM_BY_OPERAND = ("docker-php-ext-install", "install-php-extensions")
INSTALL_BY_OPERAND = ("cpanm",)
# What they are asked with.
ASKING = frozenset(("--help", "--info", "--version"))
# -i, -iR, --install
DPKG_INSTALL = re.compile(r"-i[A-Z]*|--install")
# -S, -Sy, -Syu, --sync: not -Ss, -Si, -Sc, -Sl, -Sg, which ask or clean up
PACMAN_SYNC = re.compile(r"-S[yuwq]*|--sync")
FETCHES: Mapping[str, tuple[str, ...]] = {
    "git": ("clone", "submodule update", "lfs pull"),
    "playwright": ("install", "install-deps"),
    "hf": ("download",),
    "huggingface-cli": ("download",),
    "aws": ("s3 cp", "s3 sync"),
    "gsutil": ("cp", "rsync"),
    "gdown": ("",),
}
DOWNLOADERS = ("curl", "wget", "aria2c")
HERE = ("localhost", "127.0.0.1", "0.0.0.0", "::1")  # noqa: S104  # addresses that are asked, not listened on

# Options before the verb that have a value of their own.
VALUED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("npm", "pnpm", "yarn", "bun"), ("-C", "-F", "-w", "--prefix", "--workspace", "--filter", "--dir", "--cwd")
    ),
    "uv": ("--directory", "--project", "--python", "-p", "--cache-dir", "--config-file", "--color"),
    "pip": ("--python", "--proxy", "--cache-dir", "--log", "--timeout", "--retries", "--cert"),
    "poetry": ("-C", "--directory", "-P", "--project"),
    "python": ("-W", "-X"),
    "go": ("-C",),
    "cargo": ("-C", "--config", "--color", "-Z"),
    "composer": ("-d", "--working-dir"),
    **dict.fromkeys(("apt", "apt-get", "aptitude"), ("-o", "-t", "-c", "--target-release", "--option")),
    **dict.fromkeys(
        ("dnf", "microdnf", "tdnf", "yum", "zypper"),
        (
            *("-c", "-d", "-e", "-R", "-x", "--config", "--exclude", "--disablerepo", "--enablerepo", "--forcearch"),
            *("--installroot", "--releasever", "--repo", "--repoid", "--root", "--setopt"),
        ),
    ),
    **dict.fromkeys(("pecl", "pear"), ("-d",)),
    "luarocks": ("--lua-dir", "--lua-version", "--server", "--tree"),
    "apk": ("-X", "-p", "--repository", "--root"),
    "git": ("-C", "-c"),
    **dict.fromkeys(("npx", "bunx"), ("-p", "--package")),
}
# What runs a program of a registry or of the project, and its verbs for that; without any it does nothing else.
RUN_FROM_REGISTRY: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("npx", "bunx", "pnpx"), ()),
    "npm": ("exec", "x"),
    "pnpm": ("dlx", "exec"),
    "yarn": ("dlx", "exec", "run"),
    "bun": ("x",),
}
PIP_VALUED = (
    *("-r", "--requirement", "-c", "--constraint", "-t", "--target", "--prefix", "--root", "-i", "--index-url"),
    *("--extra-index-url", "-f", "--find-links", "--cache-dir", "--python", "--trusted-host", "--src", "--group"),
    *("--platform", "--python-version", "--implementation", "--abi", "--upgrade-strategy", "--progress-bar"),
)
# Options that name a file of dependencies.
READ_FROM = ("-r", "--requirement", "-c", "--constraint", "-f", "--file")
# deps.ts, --entrypoint=dev_deps.ts: a program of nothing but imports, by which Deno caches them
DENO_DEPENDENCIES = re.compile(r"(?:^|[=/])(?:\w+_)?deps\.[cm]?[jt]s$")
# What a command is asked about itself.
ASKED = (("--version",), ("-v",), ("-V",), ("-h",))
# Nothing is fetched with these flags; but npm unpacks everything again, wherever it has it from.
OFFLINE_ANYWHERE = "--offline"
UNPACKS_AGAIN = ("npm",)
OFFLINE: Mapping[str, tuple[str, ...]] = {
    "cargo": ("--frozen",),
    "dotnet": ("--no-restore", "--no-build"),
    "bundle": ("--local",),
    **dict.fromkeys(("mvn", "mvnw", "mvnd"), ("-o",)),
    "go": ("-mod=vendor", "--mod=vendor"),
}
