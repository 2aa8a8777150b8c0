"""
What lies in a build context is used by some build, and what no build needs is not copied with the rest.

Every file that gets past the ignore file is looked at by every build, and reaches the image by the first `COPY . .`.
`unused-context-kb` in [tool.layerproof.policy] says how much may lie there unused (100 kB).

Bad:
    # the Dockerfile: COPY package.json src ./
    # in the context: src/main.js (4 kB)
    # in the context: docs/talk.mp4 (4000 kB)
    **/node_modules

Good:
    # the Dockerfile: COPY package.json src ./
    # in the context: src/main.js (4 kB)
    # in the context: docs/talk.mp4 (4000 kB)
    **/node_modules
    docs

Fix: Add the paths to the ignore file, or move the files out of the build context.

Source: R8 (US-7).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from layerproof.flow import Source
from layerproof.manifests import is_source
from layerproof.policy import Breach, ContextSubject

# Build output by its folder, and the manifest that lies beside it.
_OUTPUT = {
    "target": ("pom.xml", "Cargo.toml", "build.sbt", "project.clj"),
    ".gradle": ("",),
    ".terraform": ("",),
    "node_modules": ("",),
    ".git": ("",),
}
# backup.tar.gz, dump.sql, core.4711, heap.hprof
_DUMP = re.compile(r".*\.(tar(\.\w+)?|tgz|zip|7z|iso|dump|hprof|bak)|.*(dump|backup).*\.sql(\.gz)?|core(\.\d+)?")
# Where archives belong to the application or its dependencies.
_KEPT = frozenset((".yarn", "vendor", "wheels", "src", "app", "lib", "assets", "static", "public", "resources"))
_KEPT_TOO = frozenset(("test", "tests", "fixtures", "testdata", "migrations", "third_party", "packages", "deps"))
# RUN git describe --tags
_READS_GIT = re.compile(r"\bgit (describe|rev-parse|rev-list|log|show|submodule)\b|setuptools.scm", re.IGNORECASE)


def check(subject: ContextSubject) -> Iterator[Breach]:
    """One finding for what no step takes; one for what a step takes with everything else and no build needs."""
    limit = subject.config.policy.unused_context_kb * 1000
    sources = {source for flow in subject.flows for node in flow.nodes.values() for source in node.sources}
    if not sources:
        return  # a build that takes no file asks for none
    files = {path: size for path, size in subject.files.items() if not path.endswith("/")}
    taken = _taker(subject, sources)
    unused = {path: size for path, size in files.items() if not taken(path) and is_source(path)}
    total = sum(unused.values())
    if total > limit:
        count = f"{len(unused)} file{'s' * (len(unused) != 1)}"
        yield 1, f"{count} ({_size(total)}) in the context reach no build: {_largest(unused)}"
    if _copies_everything(subject):
        named = _taker(subject, {source for source in sources if source.pattern != "."})
        needless = _by_root(subject, {path: size for path, size in files.items() if taken(path) and not named(path)})
        total = sum(needless.values())
        if total > limit:
            yield 1, f"a copy of the whole context takes {_size(total)} that no build needs: {_largest(needless)}"


def _taker(subject: ContextSubject, sources: set[Source]) -> Callable[[str], bool]:
    """Whether some step takes a file. Most sources are plain paths: those are looked up, not matched one by one."""
    plain, others = set[str](), list[Source]()
    for source in sources:
        is_plain = (
            source.folder == subject.folder and not source.excluded and not re.search(r"[*?\[\\]", source.pattern)
        )
        if is_plain:
            plain.add(source.pattern)
        else:
            others.append(source)
    prefix = f"{subject.folder}/"

    def taken(path: str) -> bool:
        return (
            "." in plain
            or any(above in plain for above in _with_folders(path))
            or any(source.holds(prefix + path) for source in others)
        )

    return taken


def _with_folders(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]


def _copies_everything(subject: ContextSubject) -> bool:
    return any(
        source.pattern == "." and source.folder == subject.folder
        for flow in subject.flows
        for node in flow.nodes.values()
        if node.instruction.keyword in ("COPY", "ADD")
        for source in node.sources
    )


def _by_root(subject: ContextSubject, files: Mapping[str, int]) -> dict[str, int]:
    """The bytes that no build needs, by the folder or file that they are."""
    environments = {path.rpartition("/")[0] for path in files if path.endswith("/pyvenv.cfg")}
    texts = [node.instruction.text for flow in subject.flows for node in flow.nodes.values()]
    reads_git = any(_READS_GIT.search(text) for text in texts)
    found: dict[str, int] = {}
    for path, size in files.items():
        root = _root(path, subject.files, environments)
        if root and not (reads_git and root.rpartition("/")[2] == ".git"):
            found[root] = found.get(root, 0) + size
    return found


def _root(path: str, files: Mapping[str, int], environments: set[str]) -> str:
    """The folder of dependencies, output or history that a file is in; itself where it is a dump; "" for neither."""
    *folders, name = path.split("/")
    above = ""
    for folder in folders:
        here = f"{above}{folder}"
        if here in environments or any(not item or above + item in files for item in _OUTPUT.get(folder, ())):
            return here
        above = f"{here}/"
    return path if _DUMP.fullmatch(name) and (_KEPT | _KEPT_TOO).isdisjoint(folders) else ""


def _largest(sizes: Mapping[str, int]) -> str:
    first = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:3]
    return ", ".join(f"{path} ({_size(size)})" for path, size in first)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 10**6 else f"{size_bytes / 1e3:.0f} kB"
