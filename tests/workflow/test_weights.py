"""Weights folders on disk: what is read of them, what is recorded, and what doctor says. No engine is asked for one."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from layerproof.errors import ConfigError, UsageError
from layerproof.model import Check, Project, WeightsReport
from layerproof.report.document import weights_document
from layerproof.report.weights import render_weights
from layerproof.testing import FakeEngine
from layerproof.weights import Digest, HashWatcher
from layerproof.workflow.load import configuration, load
from layerproof.workflow.weight_files import CHUNK_BYTES, add_to_lock, find, load_lock, read_digests
from layerproof.workflow.weights import check_presence, check_weights

CONFIG = '[tool.layerproof.services.{0}.weights]\nmanifest = "{0}.json"\nmount = "/weights"\n'
LOCK = "weights.lock.json"


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def entry(path: str, *, size_bytes: int | None = None, content: str | None = None) -> dict[str, Any]:
    """A manifest's entry; `content` is what its published hash stands for."""
    published = None if content is None else sha256(content)
    words = {"what": "a network", "from": f"https://example.com/{path}", "licence": "MIT"}
    return {"path": path, "size_bytes": size_bytes, "sha256": published, **words}


def write_manifest(root: Path, *entries: dict[str, Any], service: str = "api", **when: str) -> None:
    document = {"schema": 1, "when": when, "files": list(entries)}
    (root / f"{service}.json").write_text(json.dumps(document))


def write_weight(root: Path, path: str, content: str) -> None:
    place = root / "weights" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)


def bind(root: Path, folder: str = "weights") -> dict[str, Any]:
    return {"type": "bind", "source": str(root / folder), "target": "/weights", "read_only": True}


def project_of(
    root: Path,
    *,
    services: Sequence[str] = ("api",),
    volumes: Sequence[dict[str, Any]] | None = None,
    environment: dict[str, str] | None = None,
) -> Project:
    """A project whose services name weights, each with a manifest of its own and all with one folder."""
    (root / "pyproject.toml").write_text("".join(CONFIG.format(name) for name in services))
    (root / "compose.yaml").write_text("services: {}\n")
    mounts = [bind(root)] if volumes is None else list(volumes)
    body = {"image": "x", "volumes": mounts, "environment": environment or {}}
    document = {"name": "shop", "services": {**dict.fromkeys(services, body), "db": {"image": "mongo:7.0"}}}
    return load(root, engine=FakeEngine(document=document), environment={}, with_images=False)


def check(
    project: Project,
    *services: str,
    record: bool = False,
    watcher: HashWatcher | None = None,
    said: list[str] | None = None,
) -> tuple[WeightsReport, ...]:
    lines: list[str] = [] if said is None else said
    return check_weights(
        project,
        config=configuration(project),
        services=services,
        record=record,
        watcher=watcher or HashWatcher(),
        say=lines.append,
    )


def states(report: WeightsReport) -> dict[str, str]:
    return {item.file.path: item.state for item in report.checks}


def doctor(project: Project) -> Check:
    (line,) = check_presence(project, config=configuration(project))
    return line


class Watcher(HashWatcher):
    """Counts, and does what a test wants done while the files are being read."""

    def __init__(self, meanwhile: Any = lambda: None) -> None:
        self.files, self.size_bytes, self.read_bytes, self.ended = 0, 0, 0, 0
        self._meanwhile = meanwhile

    def started(self, files: Sequence[Path], *, size_bytes: int) -> None:
        self.files, self.size_bytes = len(files), size_bytes

    def read(self, size_bytes: int) -> None:
        self.read_bytes += size_bytes

    def finished(self) -> None:
        self.ended += 1
        self._meanwhile()


@pytest.mark.parametrize(
    ("listed", "content", "state"),
    [
        pytest.param(entry("a", content="good"), None, "missing", id="nothing is there"),
        pytest.param(entry("a", content="good"), "good", "ok", id="what its published hash says"),
        pytest.param(entry("a", content="good"), "evil", "wrong hash", id="other content of the same size"),
        pytest.param(entry("a", size_bytes=5, content="good"), "good", "wrong size", id="another size than published"),
        pytest.param(entry("a", content=""), "", "ok", id="an empty file, as it should be"),
        pytest.param(entry("a"), "good", "not recorded", id="a file that nothing is known of"),
        pytest.param(entry("a b/c d=[1].ckpt", content="good"), "good", "ok", id="a name with spaces and brackets"),
        pytest.param(entry("é/ü", content="good"), "good", "ok", id="a name with accents"),
    ],
)
def test_a_file_is_compared_with_its_manifest(
    tmp_path: Path, listed: dict[str, Any], content: str | None, state: str
) -> None:
    write_manifest(tmp_path, listed)
    if content is not None:
        write_weight(tmp_path, listed["path"], content)
    (report,) = check(project_of(tmp_path))
    assert states(report) == {listed["path"]: state}
    assert report.passed is (state == "ok")
    assert not (tmp_path / "weights" / LOCK).exists()


@pytest.mark.parametrize(
    ("link", "target", "obstacle"),
    [
        pytest.param("a", "there", "", id="a link to a file beside it"),
        pytest.param("a", "sub/../there", "", id="a link with a detour inside"),
        pytest.param("a", "gone", "a link to nothing", id="a link to nothing"),
        pytest.param("a", "a", "cannot be followed", id="a link to itself"),
        pytest.param("a", "sub", "a folder", id="a link to a folder"),
        pytest.param("a", "../outside", "out of the folder", id="a link that leaves the folder"),
        pytest.param("a", "../weights/there", "out of the folder", id="a link that leaves the folder and comes back"),
        pytest.param("a", "{root}/weights/there", "out of the folder", id="an absolute link, even to a file inside"),
        pytest.param("a", "away/there", "out of the folder", id="a link through an absolute link"),
    ],
)
def test_a_link_counts_where_the_container_can_follow_it(tmp_path: Path, link: str, target: str, obstacle: str) -> None:
    folder = tmp_path / "weights"
    (folder / "sub").mkdir(parents=True)
    (folder / "there").write_text("12345")
    (tmp_path / "outside").write_text("12345")
    (folder / "away").symlink_to(folder)
    (folder / link).symlink_to(target.format(root=tmp_path))
    found = find(folder, link)
    assert obstacle in found.obstacle
    assert found.size_bytes == (None if obstacle else 5)


def test_what_is_no_regular_file_is_named_and_a_path_below_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    assert find(tmp_path, "folder").obstacle == "a folder is there"
    assert find(tmp_path, "pipe").obstacle == "something else than a regular file is there"
    assert find(tmp_path, "file/below").obstacle == ""
    assert find(tmp_path, "file").size_bytes == 0
    assert find(tmp_path / "gone", "file").size_bytes is None


def test_a_weights_folder_that_is_a_link_itself_is_one(tmp_path: Path) -> None:
    write_weight(tmp_path, "sub/a", "good")
    (tmp_path / "link").symlink_to(tmp_path / "weights")
    assert find(tmp_path / "link", "sub/a").size_bytes == 4


def test_digests_are_those_of_the_bytes_and_the_watcher_hears_of_every_one(tmp_path: Path) -> None:
    sizes = {}
    for number, content in enumerate((b"", b"x", b"y" * CHUNK_BYTES, b"z" * (2 * CHUNK_BYTES + 1))):
        path = tmp_path / str(number)
        path.write_bytes(content)
        sizes[path] = len(content)
    watcher = Watcher()
    assert read_digests(sizes, watcher=watcher) == {
        path: Digest(size, hashlib.sha256(path.read_bytes()).hexdigest()) for path, size in sizes.items()
    }
    assert (watcher.files, watcher.size_bytes, watcher.read_bytes) == (4, sum(sizes.values()), sum(sizes.values()))
    assert watcher.ended == 1


def test_nothing_to_read_starts_no_progress() -> None:
    watcher = Watcher()
    assert read_digests({}, watcher=watcher) == {}
    assert watcher.ended == 0


def test_a_file_that_cannot_be_read_is_an_error_that_names_it_and_ends_the_progress(tmp_path: Path) -> None:
    watcher = Watcher()
    (tmp_path / "there").write_text("x")
    with pytest.raises(ConfigError, match="gone: cannot be read"):
        read_digests({tmp_path / "gone": 1, tmp_path / "there": 1}, watcher=watcher)
    assert watcher.ended == 1


def test_a_file_that_grows_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")

    class Growing(HashWatcher):
        def read(self, size_bytes: int) -> None:
            # Once: what is appended is read too.
            if path.stat().st_size == 1:
                path.write_text("xy")
                os.utime(path, ns=(1, 1))

    with pytest.raises(ConfigError, match="a: changed while it was read"):
        read_digests({path: 1}, watcher=Growing())


def test_recording_trusts_what_is_there_now_and_refuses_any_other_content_from_then_on(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("my net.ckpt"), entry("known", content="published"), entry("gone"))
    write_weight(tmp_path, "my net.ckpt", "first")
    write_weight(tmp_path, "known", "published")
    project, said = project_of(tmp_path), list[str]()
    (report,) = check(project, record=True, said=said)
    assert states(report) == {"my net.ckpt": "ok", "known": "ok", "gone": "missing"}
    assert report.recorded == ("my net.ckpt",)
    assert len(said) == 1
    assert LOCK in said[0]
    lock = tmp_path / "weights" / LOCK
    assert json.loads(lock.read_text()) == {
        "schema": 1,
        "files": {"my net.ckpt": {"size_bytes": 5, "sha256": sha256("first")}},
    }
    (report,) = check(project)
    assert states(report) == {"my net.ckpt": "ok", "known": "ok", "gone": "missing"}
    write_weight(tmp_path, "my net.ckpt", "other")
    assert states(check(project)[0])["my net.ckpt"] == "wrong hash"
    write_weight(tmp_path, "my net.ckpt", "longer")
    assert states(check(project)[0])["my net.ckpt"] == "wrong size"


@pytest.mark.parametrize("content", ["evil!", "longer"])
def test_recording_again_never_changes_an_entry_that_differs(tmp_path: Path, content: str) -> None:
    write_manifest(tmp_path, entry("a"))
    write_weight(tmp_path, "a", "first")
    project = project_of(tmp_path)
    check(project, record=True)
    before = (tmp_path / "weights" / LOCK).read_bytes()
    write_weight(tmp_path, "a", content)
    said = list[str]()
    (report,) = check(project, record=True, said=said)
    assert states(report)["a"] in ("wrong hash", "wrong size")
    assert (report.passed, report.recorded, said) == (False, (), [])
    assert (tmp_path / "weights" / LOCK).read_bytes() == before


def test_recording_keeps_the_entries_of_other_files(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("b"))
    write_weight(tmp_path, "b", "second")
    others = {"a": Digest(1, sha256("a")), "c": Digest(1, sha256("c"))}
    add_to_lock(tmp_path / "weights", others)
    check(project_of(tmp_path), record=True)
    assert load_lock(tmp_path / "weights") == {**others, "b": Digest(6, sha256("second"))}


def test_a_file_with_a_published_hash_is_never_recorded_whatever_it_holds(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("a", content="good"))
    write_weight(tmp_path, "a", "evil")
    (report,) = check(project_of(tmp_path), record=True)
    assert states(report) == {"a": "wrong hash"}
    assert not (tmp_path / "weights" / LOCK).exists()


def test_what_somebody_else_records_meanwhile_stays_and_is_what_counts(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("a"), entry("b"))
    write_weight(tmp_path, "a", "mine!")
    write_weight(tmp_path, "b", "mine!")
    theirs = {"a": Digest(5, sha256("their")), "z": Digest(1, sha256("z"))}
    watcher = Watcher(lambda: add_to_lock(tmp_path / "weights", theirs))
    (report,) = check(project_of(tmp_path), record=True, watcher=watcher)
    assert load_lock(tmp_path / "weights") == {**theirs, "b": Digest(5, sha256("mine!"))}
    assert states(report) == {"a": "wrong hash", "b": "ok"}
    assert report.recorded == ("b",)


def test_a_lock_that_cannot_be_written_is_as_it_was_and_nothing_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_to_lock(tmp_path, {"a": Digest(1, sha256("a"))})
    before = (tmp_path / LOCK).read_bytes()

    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ConfigError, match=r"weights\.lock\.json: cannot be written: .*No space left"):
        add_to_lock(tmp_path, {"b": Digest(1, sha256("b"))})
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    assert (tmp_path / LOCK).read_bytes() == before


def test_the_lock_can_be_read_by_the_user_of_the_container(tmp_path: Path) -> None:
    add_to_lock(tmp_path, {"a": Digest(1, sha256("a"))})
    assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_a_folder_that_does_not_exist_is_missing_every_file_and_cannot_be_recorded(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("a"), entry("b", content="b"))
    project = project_of(tmp_path)
    (report,) = check(project)
    assert (report.folder_exists, set(states(report).values())) == (False, {"missing"})
    with pytest.raises(ConfigError, match=r"weights: there is no such folder, so nothing of api can be recorded"):
        check(project, record=True)
    assert not (tmp_path / "weights").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("a"))
    write_weight(tmp_path, "a", "good")
    (tmp_path / "weights").chmod(0o555)
    watcher = Watcher()
    try:
        with pytest.raises(ConfigError, match=r"weights\.lock\.json: cannot be written"):
            check(project_of(tmp_path), record=True, watcher=watcher)
    finally:
        (tmp_path / "weights").chmod(0o755)
    assert watcher.files == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", r"weights\.lock\.json:1: not valid JSON", id="not JSON"),
        pytest.param('{"schema": 1, "files": {"a": 1}}', r"weights\.lock\.json:1: files\.a: ", id="not a lock"),
        pytest.param("\xff", r"weights\.lock\.json: cannot be read", id="not UTF-8"),
    ],
)
def test_a_broken_lock_is_an_error_that_names_it_and_stays_as_it_is(tmp_path: Path, text: str, words: str) -> None:
    write_manifest(tmp_path, entry("a"))
    write_weight(tmp_path, "a", "good")
    lock = tmp_path / "weights" / LOCK
    lock.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=words):
        check(project_of(tmp_path), record=True)
    assert lock.read_bytes() == text.encode("latin-1")


VOLUME = {"type": "volume", "source": "pose-weights", "target": "/weights"}


@pytest.mark.parametrize(
    ("volumes", "words"),
    [
        pytest.param([], r"compose\.yaml: api mounts nothing at /weights", id="no mount"),
        pytest.param([VOLUME], r"api mounts a volume \(pose-weights\) at /weights", id="a named volume"),
        pytest.param([{**VOLUME, "source": ""}], "api mounts a volume at /weights", id="a volume without a name"),
        pytest.param([{"type": "tmpfs", "target": "/weights"}], "api mounts a tmpfs at /weights", id="memory"),
        pytest.param([{**VOLUME, "target": "/w"}], "api mounts nothing at /weights", id="a mount at another place"),
    ],
)
def test_weights_that_no_folder_is_mounted_for_are_a_clear_error(
    tmp_path: Path, volumes: list[dict[str, Any]], words: str
) -> None:
    write_manifest(tmp_path, entry("a"))
    project = project_of(tmp_path, volumes=volumes)
    with pytest.raises(ConfigError, match=words) as caught:
        check(project)
    assert "./weights:/weights:ro" in caught.value.hint
    assert "[tool.layerproof.services.api.weights]" in caught.value.hint
    assert (doctor(project).state, doctor(project).detail) == ("failed", caught.value.message)


def test_a_file_that_is_mounted_in_the_folders_place_is_a_clear_error(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("a"))
    (tmp_path / "weights").write_text("")
    with pytest.raises(ConfigError, match="weights, which api mounts at /weights, is no folder"):
        check(project_of(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, r"api\.json: there is no such manifest", id="no manifest"),
        pytest.param(b"{", r"api\.json:1: not valid JSON", id="not JSON"),
        pytest.param(b"\xff", r"api\.json: cannot be read", id="not UTF-8"),
        pytest.param(b'{"schema": 1, "files": []}', r"api\.json:1: files: ", id="an empty one"),
    ],
)
def test_a_broken_manifest_is_an_error_that_names_it_and_doctor_says_so(
    tmp_path: Path, text: bytes | None, words: str
) -> None:
    if text is not None:
        (tmp_path / "api.json").write_bytes(text)
    project = project_of(tmp_path)
    with pytest.raises(ConfigError, match=words) as caught:
        check(project)
    assert doctor(project) == Check("api: weights", "failed", caught.value.message, caught.value.hint)


@pytest.mark.parametrize(
    ("environment", "files", "state", "detail", "hint"),
    [
        pytest.param(
            {"ENGINE": "small"}, {}, "ok", "0 of 2 files in ./weights; only ENGINE=big needs them", "", id="not needed"
        ),
        pytest.param(
            {}, {}, "ok", "0 of 2 files in ./weights; only ENGINE=big needs them", "", id="a variable that is not set"
        ),
        pytest.param(
            {"ENGINE": "big"},
            {"my a": "good"},
            "failed",
            "1 of 2 files in ./weights; ENGINE=big needs all of them",
            "missing: b",
            id="needed and one is missing",
        ),
        pytest.param(
            {"ENGINE": "big"},
            {"my a": "good", "b": "new"},
            "failed",
            "1 of 2 files in ./weights; ENGINE=big needs all of them",
            "not recorded: b",
            id="needed and one is not recorded",
        ),
        pytest.param(
            {"ENGINE": "big"},
            {
                "my a": "good",
                "b": "b",
                LOCK: json.dumps({"schema": 1, "files": {"b": {"size_bytes": 1, "sha256": "0" * 64}}}),
            },
            "ok",
            "2 of 2 files in ./weights, by name and size; inv weights reads them",
            "",
            id="all there by name and size, which is all that is looked at",
        ),
    ],
)
def test_doctor_has_one_line_for_a_service_that_names_weights(
    tmp_path: Path, environment: dict[str, str], files: dict[str, str], state: str, detail: str, hint: str
) -> None:
    write_manifest(tmp_path, entry("my a", content="good"), entry("b"), ENGINE="big")
    (tmp_path / "weights").mkdir()
    for path, content in files.items():
        write_weight(tmp_path, path, content)
    line = doctor(project_of(tmp_path, environment=environment))
    assert (line.name, line.state) == ("api: weights", state)
    assert line.detail.startswith(detail)
    assert line.hint.startswith(hint)
    assert (line.hint == "") is (state == "ok")


def test_doctor_warns_of_a_folder_that_is_mounted_and_does_not_exist(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("a"), entry("b"), ENGINE="big")
    line = doctor(project_of(tmp_path))
    assert line.state == "warning"
    assert line.detail == "./weights does not exist; only ENGINE=big needs its 2 files (inv weights)"
    assert line.hint.startswith("Make it: ")


def test_doctor_names_the_first_few_files_of_many(tmp_path: Path) -> None:
    write_manifest(tmp_path, *(entry(str(number)) for number in range(6)))
    assert doctor(project_of(tmp_path)).hint.startswith("missing: 0, 1, 2, 3 and 2 more.")


def test_no_service_that_names_weights_is_no_line_and_an_empty_report(tmp_path: Path) -> None:
    project = project_of(tmp_path, services=())
    assert list(check_presence(project, config=configuration(project))) == []
    assert check(project) == ()
    assert weights_document(()) == {"schema": 1, "passed": True, "services": []}


@pytest.mark.parametrize(
    ("service", "words"),
    [
        pytest.param("apo", "there is no service named 'apo'", id="a service that does not exist"),
        pytest.param("db", r"db names no weights \(those that do: api, web\)", id="a service without weights"),
    ],
)
def test_a_service_that_cannot_be_looked_at_is_an_error(tmp_path: Path, service: str, words: str) -> None:
    project = project_of(tmp_path, services=("api", "web"))
    with pytest.raises(UsageError, match=words):
        check(project, "api", service)


def test_only_the_chosen_services_are_looked_at(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("a"), service="web")
    project = project_of(tmp_path, services=("api", "web"))
    assert [report.service for report in check(project, "web")] == ["web"]


def test_services_that_share_a_folder_are_judged_each_by_its_own_manifest(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("a", content="good"), service="api")
    write_manifest(tmp_path, entry("a"), service="web")
    write_weight(tmp_path, "a", "good")
    project, watcher = project_of(tmp_path, services=("api", "web")), Watcher()
    assert [states(report)["a"] for report in check(project, watcher=watcher)] == ["ok", "not recorded"]
    assert watcher.files == 1
    assert [report.recorded for report in check(project, record=True)] == [(), ("a",)]
    assert all(report.passed for report in check(project))


def test_the_document_has_the_documented_shape(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("my a", content="good"), entry("b", size_bytes=7), ENGINE="big")
    write_weight(tmp_path, "my a", "good")
    document = weights_document(check(project_of(tmp_path, environment={"ENGINE": "big", "OTHER": "x"})))
    assert json.loads(json.dumps(document)) == {
        "schema": 1,
        "passed": False,
        "services": [
            {
                "service": "api",
                "folder": str(tmp_path / "weights"),
                "needed": True,
                "when": {"ENGINE": "big"},
                "files": [
                    {
                        "path": "my a",
                        "state": "ok",
                        "size_bytes": 4,
                        "sha256": sha256("good"),
                        "from": "https://example.com/my a",
                        "licence": "MIT",
                    },
                    {
                        "path": "b",
                        "state": "missing",
                        "size_bytes": None,
                        "sha256": None,
                        "from": "https://example.com/b",
                        "licence": "MIT",
                    },
                ],
            }
        ],
    }


def test_the_table_fits_80_columns_whatever_the_names(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("/".join(["a long name"] * 12)))
    project = project_of(tmp_path)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(render_weights(check(project), root=project.root))
    assert max(map(len, capture.get().splitlines())) <= 80


def test_what_is_wrong_is_shown_with_where_to_get_it_and_names_in_brackets_are_no_markup(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry("[red]a b"), entry("c", content="good"), ENGINE="big")
    write_weight(tmp_path, "c", "good")
    project = project_of(tmp_path)
    console = Console(file=io.StringIO(), width=160, soft_wrap=True)
    console.print(render_weights(check(project), root=project.root))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above
    for words in ("[red]a b", "https://example.com/[red]a b", "licence: MIT", "ENGINE is not set", "1 of 2 files"):
        assert words in text
    assert "https://example.com/c" not in text
