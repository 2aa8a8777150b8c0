"""
Every defect of the table is caught by its probe, which names the cause; no harmless variant fails any probe.

docs/mutants.md shows both tables. Record it from real runs, all rows or some:
    MUTANTS_DOC=docs/mutants.md pytest tests/e2e/test_mutants.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from layerproof.prove.plan import PROBES

from .conftest import ROOT, Repo
from .mutants import (
    CONSTANT,
    HARMLESS,
    MUTANTS,
    Change,
    Move,
    Mutant,
    OpenToAll,
    Remove,
    Replace,
    Tag,
    Variant,
    WindowsLines,
    Write,
)

DOCUMENT = ROOT / "docs" / "mutants.md"
INTRODUCTION = (
    "What `inv prove` is proved with: changes of this repo that break the cache contract, and changes that do not.",
    "`tests/e2e/mutants.py` has each of them; `tests/e2e/test_mutants.py` makes them on the real engine, and writes",
    "these tables from its runs when it is asked to (`MUTANTS_DOC=docs/mutants.md`).",
)
SHOWN_LENGTH = 260
# | a name | anything |
ROW = re.compile(r"^\| (?P<name>[^|]+?) \|", re.MULTILINE)


class Answers(BaseHTTPRequestHandler):
    """An answer below /changing that no build has seen, the same one elsewhere; no word for caches."""

    def do_GET(self) -> None:
        body = uuid.uuid4().bytes if self.path.startswith("/changing") else CONSTANT
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that http.server gives it
        """Say nothing."""


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """A web server that builds can reach: BuildKit of the docker driver fetches from the host's own network."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def recorded() -> Iterator[dict[str, tuple[str, ...]]]:
    """The rows of the document by name; what was run is written into it at the end, on request."""
    rows: dict[str, tuple[str, ...]] = {}
    yield rows
    target = os.environ.get("MUTANTS_DOC")
    if target:
        path = ROOT / target
        known = parse_rows(path.read_text(encoding="utf-8")) if path.is_file() else {}
        path.write_text(render_document({**known, **rows}), encoding="utf-8")


@contextmanager
def changed(repo: Repo, changes: Sequence[Change], url: str) -> Iterator[None]:
    """The copy with some changes, and as it was afterwards."""
    with ExitStack() as undo:
        for change in changes:
            _apply(repo, change, url, undo)
        yield


def _apply(repo: Repo, change: Change, url: str, undo: ExitStack) -> None:
    if isinstance(change, Tag):
        repo.call(["docker", "tag", change.image, change.tag])
        undo.callback(repo.call, ["docker", "image", "rm", "--no-prune", change.tag])
        return
    path = repo.root / change.path
    if isinstance(change, OpenToAll):
        for item in (path, *path.rglob("*")):
            undo.callback(item.chmod, item.stat().st_mode)
            item.chmod(0o777)
        return
    _keep(path, undo)
    if isinstance(change, Replace):
        text = path.read_text(encoding="utf-8")
        assert text.count(change.old) == 1, f"{change.path} has {text.count(change.old)} times {change.old!r}"
        path.write_text(text.replace(change.old, change.new.replace("@URL@", url)), encoding="utf-8")
    elif isinstance(change, Write):
        path.write_text(change.text, encoding="utf-8")
    elif isinstance(change, WindowsLines):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    elif isinstance(change, Move):
        _keep(repo.root / change.to, undo)
        path.rename(repo.root / change.to)
    elif isinstance(change, Remove):
        path.unlink()


def _keep(path: Path, undo: ExitStack) -> None:
    """Put a file back as it is now, or take away what will be made: the file, and the folders made for it."""
    if path.exists():
        undo.callback(_put_back, path, path.read_bytes(), path.stat().st_mode)
        return
    first = next((folder for folder in reversed(path.parents) if not folder.exists()), None)
    if first is not None:
        undo.callback(shutil.rmtree, first, ignore_errors=True)
    undo.callback(path.unlink, missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)


def _put_back(path: Path, content: bytes, mode: int) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def proved(repo: Repo, service: str, probes: Sequence[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """`layerproof prove` of one service: the exit code, and the verdicts by probe."""
    words = [word for probe in probes for word in ("--probe", probe)]
    done = repo.run("prove", "--service", service, *words, "--format", "json", check=False)
    assert done.stdout.startswith("{"), f"code {done.returncode}\n{done.stdout}\n{done.stderr}"
    document = json.loads(done.stdout)
    return done.returncode, {verdict["probe"]: verdict for verdict in document["verdicts"]}


def line_of(path: Path, begin: str) -> int:
    """The number of the one line that begins so."""
    found = [number for number, line in enumerate(path.read_text().splitlines(), 1) if line.startswith(begin)]
    assert len(found) == 1, f"{path.name} has {len(found)} lines that begin with {begin!r}"
    return found[0]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_defect_is_caught_and_its_cause_named(
    built: Repo, url: str, recorded: dict[str, tuple[str, ...]], mutant: Mutant
) -> None:
    with changed(built, mutant.change, url):
        line = line_of(built.root / mutant.culprit[0], mutant.culprit[1]) if mutant.culprit else 0
        code, verdicts = proved(built, mutant.service, [*mutant.holds, mutant.probe])
    failed = verdicts[mutant.probe]
    reason = failed["reason"].replace(url, "http://127.0.0.1").replace("|", "\\|")
    recorded[mutant.name] = (mutant.service, mutant.probe, f"NOT CAUGHT: {reason}" if failed["passed"] else reason)
    assert {probe: verdicts[probe]["reason"] for probe in mutant.holds if verdicts[probe]["outcome"] != "held"} == {}
    assert not failed["passed"], failed["reason"]
    for text in mutant.reason:
        assert text.replace("@URL@", url).replace("{line}", str(line)) in failed["reason"]
    assert failed["hint"]
    assert code == 1


@pytest.mark.parametrize("variant", HARMLESS, ids=lambda variant: variant.name)
def test_a_harmless_variant_fails_no_probe(
    built: Repo, url: str, recorded: dict[str, tuple[str, ...]], variant: Variant
) -> None:
    with changed(built, variant.change, url):
        code, verdicts = proved(built, variant.service, ())
    wrong = {probe: verdict["reason"] for probe, verdict in verdicts.items() if not verdict["passed"]}
    outcomes = {probe: verdict["outcome"] for probe, verdict in verdicts.items()}
    result = "; ".join(f"{probe} failed: {reason}" for probe, reason in wrong.items()) or _said(variant)
    recorded[variant.name] = (variant.service, result)
    assert wrong == {}
    assert outcomes == {probe: _expected(variant, probe) for probe in PROBES}
    assert code == 0


def _expected(variant: Variant, probe: str) -> str:
    return "not applicable" if probe in variant.not_applicable else "held"


def _said(variant: Variant) -> str:
    """What a variant came to that came to what the table says."""
    if not variant.not_applicable:
        return "all held"
    return f"all held; not applicable: {', '.join(variant.not_applicable)}"


def test_every_row_stands_in_the_document_and_nothing_else() -> None:
    names = [row.name for row in (*MUTANTS, *HARMLESS)]
    assert len(names) == len(set(names))
    assert set(parse_rows(DOCUMENT.read_text(encoding="utf-8"))) == set(names)


def parse_rows(document: str) -> dict[str, tuple[str, ...]]:
    """The rows of both tables by their name, with their other cells as written."""
    lines = [line for line in document.splitlines() if ROW.match(line) and not line.startswith(("| Defect", "| Vari"))]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0]: tuple(row[1:]) for row in cells if not set(row[0]) <= {"-"}}


def render_document(rows: dict[str, tuple[str, ...]]) -> str:
    """docs/mutants.md: what each change came to, as printed."""
    defects = [_row(mutant.name, rows) for mutant in MUTANTS if mutant.name in rows]
    variants = [_row(variant.name, rows) for variant in HARMLESS if variant.name in rows]
    return "\n".join(
        [
            "# Mutants",
            "",
            *INTRODUCTION,
            "",
            f"## {len(defects)} defects",
            "",
            "| Defect | Service | Probe that fails | Its reason, as printed |",
            "|---|---|---|---|",
            *defects,
            "",
            f"## {len(variants)} harmless variants",
            "",
            "| Variant | Service | Result |",
            "|---|---|---|",
            *variants,
            "",
        ]
    )


def _row(name: str, rows: dict[str, tuple[str, ...]]) -> str:
    cells = [cell if len(cell) <= SHOWN_LENGTH else f"{cell[: SHOWN_LENGTH - 1]}…" for cell in rows[name]]
    return f"| {' | '.join((name, *cells))} |"
