"""What a file is by where it lies, and what belongs together: one header tree, one cache, one repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from layerproof.audit import Found, FoundKind, Trait
from layerproof.audit.origins import is_of_dependency
from layerproof.audit.tree import Placed, Tree, parents

_TEST_FOLDER = re.compile(r"^(.*?/)?(tests?|__tests__|e2e|testdata|__mocks__)/")
_PUBLISHED = re.compile(r"(^|/)(tests?|__tests__|spec|testdata|fixtures|examples?|doc|docs)/")
_TEST_FILE = re.compile(
    r"(^|/)(test_[^/]*\.py|[^/]*_test\.(py|go|rb|exs)|conftest\.py|[^/]*\.(test|spec)\.[cm]?[jt]sx?|[^/]*_spec\.rb"
    r"|[^/]*Tests?\.(java|kt|php|cs|class)|pytest\.ini|(jest|vitest|playwright|cypress)\.config\.[cm]?[jt]s|phpunit\.xml(\.dist)?)$"
)
_CODE = re.compile(r"\.(py|[cm]?[jt]sx?|go|rb|java|kt|class|php|cs|rs|exs?|sh|snap)$")

# A path below the folder of a cache, up to which it is one thing; and what it is called.
_CACHES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^(var/lib/apt/lists)/(?!lock$|partial(/|$))."), "apt's package lists"),
    (re.compile(r"^(var/cache/apt)/.*(\.deb|pkgcache\.bin)$"), "apt's cache"),
    (re.compile(r"^(var/cache/apk|etc/apk/cache)/."), "apk's cache"),
    (re.compile(r"^(var/cache/(?:dnf|yum|libdnf5|zypp))/."), "dnf's cache"),
    (re.compile(r"^(var/cache/pacman/pkg)/."), "pacman's cache"),
    (re.compile(r"^((?:.*/)?_cacache)/."), "npm's cache"),
    (
        re.compile(r"^((?:.*/)?\.cache/(?:pip|uv|pypoetry|pdm|yarn|node/corepack|go-build|composer|deno))/."),
        "a package cache",
    ),
    # pnpm keeps its store in its home, which Dockerfiles set: /pnpm/store/v10
    (re.compile(r"^((?:.*/)?(?:\.pnpm-store|pnpm/store(?=/v\d)))/."), "pnpm's store"),
    (re.compile(r"^((?:.*/)?(?:\.yarn/(?:berry/)?cache|\.npm))/."), "a package cache"),
    (re.compile(r"^((?:.*/)?\.m2/repository)/."), "Maven's repository"),
    (re.compile(r"^((?:.*/)?\.gradle/(?:caches|wrapper))/."), "Gradle's cache"),
    (re.compile(r"^((?:.*/)?pkg/mod/cache)/."), "Go's module cache"),
    (re.compile(r"^((?:.*/)?\.?cargo/(?:registry|git))/."), "Cargo's registry"),
    (re.compile(r"^((?:.*/)?(?:\.nuget/packages|\.local/share/NuGet/(?:http|v3)-cache))/."), "NuGet's cache"),
    (re.compile(r"^((?:.*/)?(?:\.composer/cache|\.bundle/cache))/."), "a package cache"),
    # In GEM_HOME, which the published ruby images set to usr/local/bundle, or below it by the version of Ruby.
    (re.compile(r"^((?:.*/)?(?:gems/[^/]+|ruby/\d[^/]*|usr/local/bundle)/cache)/.*\.gem$"), "downloaded gems"),
    (re.compile(r"^((?:.*/)?(?:conda|miniconda3|anaconda3|micromamba)/pkgs)/."), "conda's cache"),
)
_DATABASES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^(?:usr/)?lib/apk/db/installed$"), "apk"),
    # One file for each package under status.d is the list that scanners read where there is no package manager.
    (re.compile(r"^var/lib/dpkg/status$"), "dpkg"),
    (re.compile(r"^(?:var|usr)/lib/(?:sysimage/)?rpm/(?:rpmdb\.sqlite|Packages(?:\.db)?)$"), "rpm"),
    (re.compile(r"^var/lib/pacman/local/ALPM_DB_VERSION$"), "pacman"),
    (re.compile(r"^usr/lib/opkg/status$"), "opkg"),
)
_SDK = re.compile(r"^(.*/sdk/\d[^/]*)/Roslyn/bincore/csc\.dll$")
_VCS_FILES: Mapping[str, re.Pattern[str]] = {
    "Git": re.compile(r"^(?:(.*)/)?HEAD$"),
    "Mercurial": re.compile(r"^(?:(.*)/)?\.hg/(?:requires|dirstate)$"),
    "Subversion": re.compile(r"^(?:(.*)/)?\.svn/wc\.db$"),
}


def find_places(tree: Tree) -> Iterator[Found]:
    """What the paths of a tree show: caches, package databases, repositories, tests, and what runs with more rights."""
    files = {path: item for path, item in tree.files.items() if item.entry.type == "file"}
    yield from _grouped(files, _cache_of)
    yield from _grouped(files, lambda path: _repository_of(path, tree))
    yield from _grouped(files, _tests_of)
    for path, item in files.items():
        for pattern, what in _DATABASES:
            if pattern.search(path):
                yield _found(path, "package-database", f"{what}'s list of packages", [item])
        if sdk := _SDK.match(path):
            yield _found(sdk[1], "compiler", ".NET SDK", [item])
        if item.entry.privileged:
            yield _found(path, "setuid", item.entry.privileged, [item])


def find_traits(tree: Tree) -> Iterator[Found]:
    """What the content of files shows; what belongs together is told once."""
    packages = dict(_packages(tree))
    for path, item in tree.files.items():
        for trait in item.entry.traits:
            within = trait.kind != "secret" and any(parent in packages for parent in parents(path))
            if trait.kind in ("headers", "package-cache") or within or _is_fixture(path, trait):
                continue
            yield _found(path, trait.kind, trait.what, [item])
    for folder, (trait, item) in packages.items():
        if not any(parent in packages for parent in parents(folder)):
            yield _found(folder, trait.kind, trait.what, [item])
    yield from _trees(tree, "headers", "C and C++ headers", _header_root)
    yield from _trees(tree, "package-cache", "downloaded packages", _folder)


def _packages(tree: Tree) -> Iterator[tuple[str, tuple[Trait, Placed]]]:
    """The folders of Node and Python packages that are tools, each with what its metadata say."""
    for path, item in tree.files.items():
        folder, _, name = path.rpartition("/")
        for trait in item.entry.traits:
            if trait.kind == "secret":
                continue
            if name == "package.json":
                yield folder, (trait, item)
            elif name in ("METADATA", "PKG-INFO"):
                yield folder, (trait, item)
                # site-packages/pip-26.3.dist-info is about site-packages/pip
                module = re.sub(r"[-_.]+", "_", trait.what).lower()
                yield f"{folder.rpartition('/')[0]}/{module}", (trait, item)


def find_hidden_secrets(tree: Tree) -> Iterator[Found]:
    """Secrets that a later layer overwrites or removes: whoever has the image has them."""
    for item in tree.hidden:
        for trait in item.entry.traits:
            if trait.kind == "secret" and not _is_fixture(item.entry.path, trait):
                yield _found(item.entry.path, "secret", f"{trait.what}, removed later and still in its layer", [item])


def _is_fixture(path: str, trait: Trait) -> bool:
    """Whether a secret is one that a dependency publishes with its tests, for everybody to read."""
    return trait.kind == "secret" and bool(_PUBLISHED.search(path)) and is_of_dependency(path)


def _cache_of(path: str) -> tuple[str, FoundKind, str] | None:
    for pattern, what in _CACHES:
        if match := pattern.match(path):
            return match[1], "package-cache", what
    return None


def _repository_of(path: str, tree: Tree) -> tuple[str, FoundKind, str] | None:
    for what, pattern in _VCS_FILES.items():
        match = pattern.match(path)
        if match is None:
            continue
        folder = match[1] or ""
        if what != "Git":
            return folder or "/", "vcs", f"a {what} checkout"
        if all(f"{folder}/{part}".lstrip("/") in tree.files for part in ("objects", "refs")):
            return folder or "/", "vcs", "a Git repository"
    return None


def _tests_of(path: str) -> tuple[str, FoundKind, str] | None:
    if is_of_dependency(path):
        return None
    if (match := _TEST_FOLDER.match(path)) and _CODE.search(path):
        return match[0].rstrip("/"), "tests", "tests"
    return (path, "tests", "a test") if _TEST_FILE.search(path) else None


def _grouped(files: Mapping[str, Placed], group: Callable[[str], tuple[str, FoundKind, str] | None]) -> Iterator[Found]:
    groups: dict[tuple[str, FoundKind, str], list[Placed]] = {}
    for path, item in files.items():
        if key := group(path):
            groups.setdefault(key, []).append(item)
    for (root, kind, what), items in groups.items():
        yield _found(root, kind, what, items)


def _trees(tree: Tree, kind: FoundKind, what: str, root: Callable[[str], str]) -> Iterator[Found]:
    groups: dict[str, list[Placed]] = {}
    for path, item in tree.files.items():
        if any(trait.kind == kind for trait in item.entry.traits) and not (
            kind == "package-cache" and _told(path, tree)
        ):
            groups.setdefault(root(path), []).append(item)
    for folder, items in groups.items():
        yield _found(folder, kind, what, items)


def _told(path: str, tree: Tree) -> bool:
    """Whether a cache is known by its place already, or is a virtual environment, which uv tags as one."""
    return _cache_of(path) is not None or f"{_folder(path)}/pyvenv.cfg" in tree.files


def _header_root(path: str) -> str:
    """The include folder that a header is in, or the folder of the package that brought it, or its own."""
    # usr/local/include/python3.11/Python.h, app/node_modules/nan/nan.h, opt/venv/lib/python3.11/site-packages/numpy/...
    match = re.match(r"^(?:.*?/)?(?:include|node_modules/(?:@[^/]+/)?[^/]+|(?:site|dist)-packages/[^/]+)(?=/)", path)
    return match[0] if match else _folder(path)


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _found(path: str, kind: FoundKind, what: str, items: Iterable[Placed]) -> Found:
    held = list(items)
    detail = what if len(held) == 1 else f"{what}, {len(held)} files"
    size = sum(item.entry.size_bytes for item in held)
    return Found(f"/{path.lstrip('/')}", kind, detail, min(item.layer for item in held), size)
