"""
By what a program, a script or a package is known, whatever it is called.

The texts stand in the programs themselves; each was looked up in Debian's build of that program. A file has a trait
when every one of its texts stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from layerproof.audit import FoundKind, Trait

BUSYBOX = b"BusyBox v"
TOYBOX = b"Toybox %s multicall binary"
# The table of applets: names, each ended by a NUL. What of it installs packages.
BUSYBOX_MANAGERS = (b"\0dpkg\0", b"\0rpm\0")

_Signature = tuple[FoundKind, str, tuple[bytes, ...]]
PROGRAMS: tuple[_Signature, ...] = (
    ("compiler", "GCC", (b"COLLECT_GCC_OPTIONS",)),
    ("compiler", "Clang", (b"libclang-cpp.so", b"libLLVM")),
    ("compiler", "Clang", (b"clang version", b"-fpreprocessed", b"__GNUC_PATCHLEVEL__")),
    ("compiler", "Go toolchain", (b"\xff Go buildinf:", b"path\tcmd/")),
    ("compiler", "rustc", (b"librustc_driver",)),
    ("compiler", "TinyCC", (b"tcc version",)),
    ("compiler", "javac", (b"JLI_Launch", b"jdk.compiler")),
    ("compiler", "OCaml", (b"OCAMLLIB", b"caml_startup")),
    ("compiler", "protoc", (b"libprotoc.so",)),
    ("compiler", "protoc", (b"protoc-gen-", b"--descriptor_set_out")),
    ("compiler", "NASM", (b"NASM version", b"nasm")),
    ("compiler", "nvcc", (b"nvcc fatal",)),
    ("compiler", "ptxas", (b"ptxas fatal",)),
    ("build-tool", "GNU binutils", (b"(GNU Binutils",)),
    ("build-tool", "LLD", (b"ld.lld", b"ld64.lld")),
    ("build-tool", "mold", (b"MOLD_", b"supported emulations")),
    ("build-tool", "GNU make", (b"GNU Make", b"MAKEFLAGS")),
    ("build-tool", "CMake", (b"CMAKE_ROOT",)),
    ("build-tool", "Ninja", (b"build.ninja", b".ninja_log")),
    ("build-tool", "GNU M4", (b"GNU M4", b"M4PATH")),
    ("build-tool", "GNU Bison", (b"BISON_PKGDATADIR",)),
    ("build-tool", "flex", (b"Flex requires GNU M4",)),
    ("compiler", "GNAT", (b"gnat__command_line__try_help",)),
    ("build-tool", "pkg-config", (b"PKG_CONFIG_PATH", b"PKG_CONFIG_SYSROOT_DIR")),
    ("build-tool", "ccache", (b"CCACHE_DIR",)),
    ("build-tool", "SWIG", (b"SWIG_LIB",)),
    ("build-tool", "esbuild", (b"\xff Go buildinf:", b"path\tgithub.com/evanw/esbuild")),
    ("build-tool", "Git", (b"/git-core", b"GIT_EXEC_PATH")),
    ("package-manager", "apt", (b"libapt-pkg.so",)),
    ("package-manager", "dpkg", (b"/var/lib/dpkg",)),
    ("package-manager", "rpm", (b"librpm.so",)),
    ("package-manager", "dnf", (b"libdnf",)),
    ("package-manager", "apk", (b"lib/apk/db",)),
    ("package-manager", "apk", (b"libapk.so",)),
    ("package-manager", "pacman", (b"alpm_initialize",)),
    ("package-manager", "zypper", (b"libzypp.so",)),
    ("package-manager", "opkg", (b"libopkg",)),
    ("package-manager", "Cargo", (b"CARGO_PRIMARY_PACKAGE", b"Cargo.toml")),
    ("package-manager", "rustup", (b"RUSTUP_TOOLCHAIN", b"RUSTUP_HOME", b"CARGO_HOME")),
    ("package-manager", "uv", (b"UV_PROJECT_ENVIRONMENT", b"uv.lock")),
    ("package-manager", "Bun", (b"bunfig.toml", b"bun.lock")),
    ("package-manager", "micromamba", (b"MAMBA_ROOT_PREFIX",)),
)
# Programs that look into images and packages know these paths too.
READS_DATABASES = frozenset({"apk", "dpkg"})
GO_PROGRAM = b"\xff Go buildinf:"

# Of a text that starts with #!, or a Python or PHP archive.
SCRIPTS: tuple[_Signature, ...] = (
    ("package-manager", "pip", (b"pip._internal",)),
    ("package-manager", "pip", (b"pip/_internal/",)),
    ("package-manager", "npm", (b"npm-cli.js",)),
    ("package-manager", "npm", (b"require('../lib/cli.js')(process)",)),
    ("package-manager", "Yarn", (b"@yarnpkg/cli",)),
    ("package-manager", "Corepack", (b"corepack/dist",)),
    ("package-manager", "pnpm", (b"pnpm.cjs",)),
    ("package-manager", "Poetry", (b"poetry.console",)),
    ("package-manager", "Pipenv", (b"from pipenv",)),
    ("package-manager", "PDM", (b"from pdm",)),
    ("package-manager", "conda", (b"conda.cli",)),
    ("package-manager", "RubyGems", (b"rubygems/gem_runner",)),
    ("package-manager", "RubyGems", (b"Gem::GemRunner",)),
    ("package-manager", "Bundler", (b"bundler/friendly_errors",)),
    ("package-manager", "Bundler", (b"bin_path('bundler'",)),
    ("package-manager", "Bundler", (b'bin_path("bundler"',)),
    ("build-tool", "Rake", (b"bin_path('rake'",)),
    ("build-tool", "Rake", (b'bin_path("rake"',)),
    ("package-manager", "cpanm", (b"App::cpanminus",)),
    ("package-manager", "cpan", (b"App::Cpan",)),
    # Plugins of Composer name that class too.
    ("package-manager", "Composer", (b"#!/usr/bin/env php", b"Composer\\Console\\Application")),
    ("package-manager", "Composer", (b"composer.phar", b"Phar::mapPhar")),
    ("package-manager", "dnf", (b"from dnf.cli",)),
    ("package-manager", "yum", (b"import yummain",)),
    ("build-tool", "Maven", (b"org.codehaus.plexus.classworlds.launcher.Launcher",)),
    ("build-tool", "Gradle", (b"gradle-wrapper.jar",)),
    ("build-tool", "Gradle", (b"org.gradle.launcher",)),
    ("build-tool", "Ant", (b"ant-launcher.jar",)),
    ("build-tool", "Autoconf", (b"autom4te", b"Autom4te")),
    ("build-tool", "Automake", (b"Automake::",)),
    ("build-tool", "Libtool", (b"Generated automatically by", b"libltdl")),
    ("build-tool", "Meson", (b"from mesonbuild",)),
    ("build-tool", "SCons", (b"import SCons",)),
)

# By name, for what is a program or a script and was not known by its content.
_NAMES: Mapping[FoundKind, str] = {
    "compiler": (
        r"gcc|g\+\+|cc|c\+\+|c89|c99|cc1|cc1plus|gfortran|clang|clang\+\+|tcc|go|gccgo|rustc|javac|kotlinc|scalac|ghc"
        r"|ocamlopt|ocamlc|fpc|nvcc|cicc|ptxas|nasm|yasm|protoc|csc|fsc|swiftc|zig|ldc2|dmd|gdc|gnatmake|nim|crystal"
        r"|erlc|elixirc|valac|f951|gnat1|lto1"
    ),
    "build-tool": (
        r"make|gmake|cmake|ctest|ninja|meson|bazel|bazelisk|scons|autoconf|automake|aclocal|libtool|libtoolize|bison|flex"
        r"|m4|ld|ld\.bfd|ld\.gold|lld|mold|as|ar|ranlib|nm|objdump|objcopy|strip|pkg-config|pkgconf|mvn|gradle|ant|sbt"
        r"|lein|rake|git|hg|svn|swig|ccache|sccache|patchelf|tsc|esbuild"
    ),
    "package-manager": (
        r"apt|apt-get|apt-key|aptitude|dpkg|dpkg-deb|apk|rpm|dnf|microdnf|tdnf|yum|zypper|pacman|opkg|xbps-install|emerge|nix"
        r"|nix-env|brew|snap|flatpak|pip|pip2|pip3|pipx|easy_install|uv|uvx|poetry|pipenv|pdm|conda|mamba|micromamba|npm"
        r"|npx|yarn|yarnpkg|pnpm|pnpx|corepack|bun|bunx|deno|gem|bundle|bundler|composer|cargo|rustup|cpan|cpanm|luarocks"
        r"|nuget|paket|rebar3|opam|cabal|conan|vcpkg"
    ),
}
# x86_64-linux-gnu-gcc-12, clang++-14, pip3.11
_NAMED = {
    kind: re.compile(rf"(?:\w+-(?:\w+-)?(?:linux|alpine|elf|none)-\w+-)?(?:{names})(?:-?\d+(?:\.\d+)*)?")
    for kind, names in _NAMES.items()
}

# Packages of Python and Node by the name in their metadata.
PYTHON_PACKAGES: Mapping[str, FoundKind] = {
    **dict.fromkeys(
        ("pip", "pipx", "uv", "poetry", "pipenv", "pdm", "conda", "mamba", "easy-install"), "package-manager"
    ),
    **dict.fromkeys(
        ("cython", "cmake", "ninja", "meson", "meson-python", "scikit-build", "scikit-build-core", "setuptools-rust"),
        "build-tool",
    ),
    **dict.fromkeys(("maturin", "hatch", "flit", "build", "nuitka", "pyinstaller"), "build-tool"),
    **dict.fromkeys(("pytest", "tox", "nox", "coverage", "pytest-cov"), "tests"),
}
NODE_PACKAGES: Mapping[str, FoundKind] = {
    **dict.fromkeys(
        ("npm", "yarn", "pnpm", "@pnpm/exe", "corepack", "bun", "cnpm", "@yarnpkg/cli-dist"), "package-manager"
    ),
    **dict.fromkeys(
        ("typescript", "@swc/core", "@babel/core", "@babel/cli", "ts-node", "tsx", "sass", "less"), "build-tool"
    ),
    **dict.fromkeys(
        ("webpack", "webpack-cli", "vite", "rollup", "esbuild", "parcel", "turbo", "nx", "tsup"), "build-tool"
    ),
    **dict.fromkeys(
        ("node-gyp", "gulp", "grunt", "lerna", "@angular/cli", "@vue/cli-service", "react-scripts"), "build-tool"
    ),
    **dict.fromkeys(("eslint", "prettier"), "build-tool"),
    **dict.fromkeys(("jest", "mocha", "vitest", "cypress", "@playwright/test", "nyc", "karma", "jasmine"), "tests"),
}


def by_name(name: str) -> Trait | None:
    """What a program or script of this name is taken to be; None for nothing that matters here."""
    return next((Trait(kind, name) for kind, pattern in _NAMED.items() if pattern.fullmatch(name)), None)
