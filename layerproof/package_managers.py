"""What package managers are called, and what their verbs and flags do; data only, read by `commands`."""

from __future__ import annotations

import re
from collections.abc import Mapping

ECOSYSTEMS = {
    "node": ("npm", "npx", "pnpm", "yarn", "bun"),
    "python": ("pip", "uv", "poetry", "pdm", "pipenv", "pipx", "conda", "mamba", "micromamba"),
    "go": ("go",),
    "rust": ("cargo",),
    "jvm": ("mvn", "mvnw", "mvnd", "gradle", "gradlew", "sbt"),
    "dotnet": ("dotnet",),
    "php": ("composer",),
    "ruby": ("bundle", "gem"),
    "elixir": ("mix",),
    "swift": ("swift",),
    "dart": ("dart", "flutter"),
    "deno": ("deno",),
    "ansible": ("ansible-galaxy",),
}
ECOSYSTEM_OF = {tool: name for name, tools in ECOSYSTEMS.items() for tool in tools}

# tool -> its verbs that install; a verb of two words has a blank
INSTALLS: Mapping[str, tuple[str, ...]] = {
    "npm": ("ci", "i", "install", "clean-install", "install-clean", "add", "update", "up", "upgrade"),
    "pnpm": ("ci", "i", "install", "add", "fetch", "update", "up"),
    "bun": ("ci", "i", "install", "add", "update"),
    "yarn": ("", "install", "add", "up", "upgrade", "workspaces focus"),
    "pip": ("install", "sync", "download", "wheel"),
    "uv": ("add", "tool install", "python install"),
    "pipx": ("install", "inject"),
    "poetry": ("add", "update"),
    "pdm": ("add", "update"),
    "pipenv": ("install", "sync", "update"),
    "conda": ("install", "create", "env create", "env update"),
    "mamba": ("install", "create", "env create", "env update"),
    "micromamba": ("install", "create", "env create", "env update"),
    "composer": ("update", "require"),
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
    "composer": ("require",),
    "dotnet": ("install",),
    "conda": ("install", "create"),
    "mamba": ("install", "create"),
}
# tool -> its verbs that install the project itself and what it lacks, and the flags that leave the project out
PROJECTS: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "uv": (("sync",), frozenset(("--no-install-project", "--no-install-workspace"))),
    "poetry": (("install", "sync"), frozenset(("--no-root",))),
    "pdm": (("install", "sync"), frozenset(("--no-self",))),
    "composer": (("install",), frozenset(("--no-autoloader", "--no-scripts"))),
}
# tool -> its verbs that fetch and compile what is missing while they build
BUILDS: Mapping[str, tuple[str, ...]] = {
    "go": ("build", "install", "test", "run", "vet"),
    "cargo": ("build", "b", "install", "test", "t", "run", "r", "check", "zigbuild"),
    "dotnet": ("build", "publish", "test", "run", "pack"),
    "swift": ("build", "test"),
    "mix": ("compile", "release"),
    "flutter": ("build",),
}
MAVEN_PHASES = {"package", "install", "verify", "compile", "test", "deploy"}
# dependency:go-offline, dependency:resolve-plugins, org.apache.maven.plugins:maven-dependency-plugin:3.6.1:go-offline
MAVEN_FETCH = re.compile(r"(?:^|:|-)dependency(?:-plugin)?(?::[\d.]+)?:(?:go-offline|resolve|get|copy-dep)")
SYSTEM: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("apt", "apt-get", "aptitude"), ("install", "build-dep")),
    **dict.fromkeys(("dnf", "microdnf", "tdnf", "yum", "zypper"), ("install", "in", "groupinstall")),
    "apk": ("add",),
}
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
    "go": ("-C",),
    "cargo": ("-C", "--config", "--color", "-Z"),
    "composer": ("-d", "--working-dir"),
    **dict.fromkeys(("apt", "apt-get", "aptitude"), ("-o", "-t", "-c", "--target-release", "--option")),
    "apk": ("-X", "-p", "--repository", "--root"),
    "git": ("-C", "-c"),
    **dict.fromkeys(("npx", "bunx"), ("-p", "--package")),
}
PIP_VALUED = (
    *("-r", "--requirement", "-c", "--constraint", "-t", "--target", "--prefix", "--root", "-i", "--index-url"),
    *("--extra-index-url", "-f", "--find-links", "--cache-dir", "--python", "--trusted-host", "--src", "--group"),
    *("--platform", "--python-version", "--implementation", "--abi", "--upgrade-strategy", "--progress-bar"),
)
# Options that name a file of dependencies.
READ_FROM = ("-r", "--requirement", "-c", "--constraint", "-f", "--file")
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
