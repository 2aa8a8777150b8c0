"""
Prove that the packages of this image work, and write down what they are.

    check.py modules.txt --lock a.lock b.lock --write /opt/venv/share/base-python-pose

Imports every module of a list, compares what is installed with the locks (a local version such as 2.3.1+cpu counts as
2.3.1), and writes versions.txt: name, version and, for a package built from source, the digest of its source.
Exit code 1 names every module that does not import and every package that differs.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import platform
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

# joblib==1.5.3 ; python_full_version < '3.12' \
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)\s*(?:;\s*([^\\\n]+))?", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", type=Path, help="a file with one module a line")
    parser.add_argument("--lock", dest="locks", nargs="+", default=[], type=Path, metavar="FILE")
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    modules = [line for line in options.modules.read_text(encoding="utf-8").split("\n") if line and line[0] != "#"]
    problems = [*failed_imports(modules), *differences(options.locks)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    print(f"{len(modules)} modules import")
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        (options.write / "versions.txt").write_text("\n".join(table()) + "\n", encoding="utf-8")
    return 0


def failed_imports(modules: Iterable[str]) -> Iterator[str]:
    """One text per module that does not import."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception:  # noqa: BLE001  # whatever a module raises, it is not usable
            yield f"import {module}:\n{traceback.format_exc()}"


def differences(locks: Iterable[Path]) -> Iterator[str]:
    """One text per locked package that is not installed in that version."""
    for lock in locks:
        for name, version, marker in PIN.findall(lock.read_text(encoding="utf-8")):
            if marker and not applies(marker):
                continue
            found = installed(name)
            if found.partition("+")[0] != version:
                yield f"{lock.name}: {name}=={version} is locked, {found or 'nothing'} is installed"


def applies(marker: str) -> bool:
    """Whether an environment marker holds here."""
    from packaging.markers import Marker  # one of the locked packages

    return Marker(marker.strip()).evaluate()


def installed(name: str) -> str:
    """The installed version; "" where there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def table() -> Iterator[str]:
    """Lines of `name version [source]`, sorted."""
    yield f"python {platform.python_version()}"
    rows = {}
    for found in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
        rows[name] = f"{name} {found.version}{origin(found)}"
    yield from (rows[name] for name in sorted(rows))


def origin(found: importlib.metadata.Distribution) -> str:
    """Where a package that came as a file was compiled from: the key of its wheel (wheel.sh)."""
    # {"url": "file:///wheels-new/detectron2-0123456789abcdef/detectron2-0.6-cp310-cp310-linux_x86_64.whl", ...}
    key = re.search(r"/([a-z0-9-]+-[0-9a-f]{16})/[^/]+\.whl", found.read_text("direct_url.json") or "")
    return f" (source {key[1]})" if key else ""


if __name__ == "__main__":
    sys.exit(main())
