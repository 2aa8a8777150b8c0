"""Auditing: which images are exported, where their layers come from, what their configuration allows."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from layerproof.errors import AuditError, NoEngineError, UsageError
from layerproof.model import Project
from layerproof.report.audit import audits_document
from layerproof.testing import FakeEngine
from layerproof.workflow.audit import audit, audit_against
from layerproof.workflow.load import load

STEPS = (
    "RUN |1 NPM_TOKEN=abcdefgh /bin/sh -c make base # buildkit",
    "/bin/sh -c #(nop) COPY file:0123 in /app ",
    "COPY /app/dist ./dist # buildkit",
    "RUN /bin/bash -euo pipefail -c npm run build # buildkit",
)


def tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def archive(*tags: str) -> bytes:
    config: dict[str, Any] = {
        "config": {"User": "1000"},
        "history": [{"created_by": text} for text in STEPS] + [{"created_by": "USER 1000", "empty_layer": True}],
        "rootfs": {"diff_ids": [f"sha256:{number}" for number in range(len(STEPS))]},
    }
    layers = {f"blobs/sha256/{number}": tar({f"file-{number}": b"x" * (number + 1)}) for number in range(len(STEPS))}
    manifest = [{"Config": "blobs/sha256/c", "RepoTags": list(tags), "Layers": list(layers)}]
    documents = {"blobs/sha256/c": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    return tar({**layers, **documents})


@pytest.fixture
def audited(project: Project, engine: FakeEngine) -> FakeEngine:
    """An engine that has the images of the project, `api` on two layers of its base."""
    for image in project.images:
        engine.add_image(image.tag)
    base = next(image for image in project.images if image.name == "base-node-runtime")
    engine.local[base.tag] = replace(engine.local[base.tag], layer_ids=("sha256:0", "sha256:1"))
    api = next(image for image in project.images if image.name == "api")
    engine.archive = archive(api.tag if ":" in api.tag else f"{api.tag}:latest")
    return engine


def test_layers_come_from_a_base_from_a_stage_or_from_the_last_one(project: Project, audited: FakeEngine) -> None:
    (found,) = audit(project, engine=audited, names=["api"])
    assert [(layer.origin, layer.created_by) for layer in found.layers] == [
        ("base-node:runtime", "RUN make base"),
        ("base-node:runtime", "COPY file:0123 in /app"),
        ("stage build", "COPY /app/dist ./dist"),
        ("stage runtime", "RUN npm run build"),
    ]
    assert found.size_bytes == 1 + 2 + 3 + 4
    assert [item.path for item in found.forbidden] == ["history: NPM_TOKEN"]
    document = audits_document([found])
    assert document["images"][0]["stages"] == [
        {"from": "base-node:runtime", "size_bytes": 3},
        {"from": "stage build", "size_bytes": 3},
        {"from": "stage runtime", "size_bytes": 4},
    ]
    assert "abcdefgh" not in json.dumps(document)


def test_the_configuration_of_the_service_holds(repo: Path, audited: FakeEngine) -> None:
    (repo / "pyproject.toml").write_text(
        '[tool.layerproof.services.api.audit]\nmax-size-mb = 0.000001\nallow = { secret = "a test" }\n'
    )
    (found,) = audit(load(repo, engine=audited, environment={}), engine=audited, names=["api"])
    assert (found.forbidden, found.passed) == ((), False)
    assert len(found.over) == 1


def test_an_image_that_was_not_built_is_named(project: Project, engine: FakeEngine) -> None:
    with pytest.raises(UsageError, match="not built yet: api"):
        audit(project, engine=engine, names=["api"])
    assert engine.asked == []


def test_without_an_engine_nothing_is_audited(project: Project, engine: FakeEngine) -> None:
    engine.absent = True
    with pytest.raises(NoEngineError):
        audit(project, engine=engine, names=["api"])


def test_an_image_is_compared_with_one_that_is_here(project: Project, audited: FakeEngine) -> None:
    found = audit_against(project, "api", "sha256:0123456789ab", engine=audited)
    assert (found.changes, found.appeared, found.gone) == ((), (), ())
    with pytest.raises(UsageError, match="no local image nowhere:1"):
        audit_against(project, "api", "nowhere:1", engine=audited)


def test_an_export_that_cannot_be_read_is_an_error(project: Project, audited: FakeEngine) -> None:
    audited.archive = b"nothing"
    with pytest.raises(AuditError, match="cannot be read"):
        audit(project, engine=audited, names=["api"])
