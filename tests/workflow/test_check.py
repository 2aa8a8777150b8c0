"""A check as a whole: what silences, where findings are placed, what is broken, what is told once, what is mended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from layerproof.changes import apply_changes
from layerproof.errors import ConfigError, NoComposeFileError, UsageError
from layerproof.model import Finding
from layerproof.testing import FakeEngine
from layerproof.workflow import linters
from layerproof.workflow.check import check
from layerproof.workflow.mend import plan_mending

BAD_WEB = """\
FROM base-node:latest AS deps
WORKDIR /app
COPY . .
RUN npm ci
FROM base-node:runtime AS runtime
COPY --from=deps /app /app
USER 1
"""


def findings(repo: Path, engine: FakeEngine, *rules: str, tools: tuple[str, ...] = ("layerproof",)) -> list[Finding]:
    """The findings of some rules."""
    report = check(repo, engine=engine, environment={}, tools=tools)
    return [finding for finding in report.findings if not rules or finding.rule in rules]


def places(found: list[Finding]) -> list[tuple[str, str, int]]:
    return [(finding.rule, finding.path, finding.line) for finding in found]


def with_service(engine: FakeEngine, name: str, **body: Any) -> None:
    engine.document = {**engine.document, "services": {**engine.document["services"], name: body}}


def test_a_comment_with_a_reason_silences_a_rule_for_the_instruction_below(repo: Path, engine: FakeEngine) -> None:
    (repo / "web" / "Dockerfile").write_text(BAD_WEB)
    assert places(findings(repo, engine, "LP003")) == [("LP003", "web/Dockerfile", 4)]
    comment = "# layerproof: ignore=LP003,LP011 the registry is on this machine\n# and fast\n"
    (repo / "web" / "Dockerfile").write_text(BAD_WEB.replace("RUN npm ci", f"{comment}RUN set -e; \\\n  npm ci"))
    assert findings(repo, engine, "LP000", "LP003") == []


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        pytest.param("ignore=LP003", "gives no reason", id="no reason"),
        pytest.param("ignore=LP001 because", "the ignore of LP001 is not used", id="nothing to silence"),
        pytest.param("ignore=LP999 because", "there is no rule LP999", id="no such rule"),
        pytest.param("ignore=DL3008 because", "# hadolint ignore=DL3008", id="another tool's rule"),
        pytest.param("ignore= because", "names no rule", id="no rule"),
    ],
)
def test_a_comment_that_does_not_silence_is_a_finding_itself(
    comment: str, message: str, repo: Path, engine: FakeEngine
) -> None:
    (repo / "web" / "Dockerfile").write_text(BAD_WEB.replace("RUN npm ci", f"# layerproof: {comment}\nRUN npm ci"))
    [finding] = findings(repo, engine, "LP000")
    assert message in finding.message
    assert (finding.path, finding.line) == ("web/Dockerfile", 4)
    assert places(findings(repo, engine, "LP003")) == [("LP003", "web/Dockerfile", 5)]


def test_a_comment_in_the_compose_file_holds_for_its_own_line(repo: Path, engine: FakeEngine) -> None:
    text = (repo / "docker-compose.yml").read_text()
    assert ("LP026", "docker-compose.yml", 2) in places(findings(repo, engine, "LP026"))
    (repo / "docker-compose.yml").write_text(text.replace("  api:", "  api: # layerproof: ignore=LP026 it streams"))
    assert ("LP026", "docker-compose.yml", 2) not in places(findings(repo, engine, "LP026"))


def test_an_entry_of_the_configuration_that_silences_nothing_is_told_at_its_line(
    repo: Path, engine: FakeEngine
) -> None:
    (repo / "pyproject.toml").write_text(
        '[tool.layerproof.policy.ignore]\nLP026 = "tiny"\n\n"LP008" = "a Linux disk"\n'
    )
    assert places(findings(repo, engine, "LP000", "LP026")) == [("LP000", "pyproject.toml", 4)]


def test_an_entry_for_no_rule_is_an_error_with_its_line(repo: Path, engine: FakeEngine) -> None:
    (repo / "pyproject.toml").write_text('[tool.layerproof.policy.ignore]\nLP999 = "why"\n')
    with pytest.raises(ConfigError, match=r"pyproject\.toml:2: .*there is no rule LP999"):
        findings(repo, engine)


def test_what_is_broken_is_told_and_the_rest_is_checked(repo: Path, engine: FakeEngine) -> None:
    (repo / "api" / "Dockerfile").write_text("FROM x:1\nCOPPY a b\n")
    (repo / "web" / "Dockerfile").write_text(BAD_WEB)
    with_service(engine, "gone", build={"context": str(repo / "gone")})
    assert places(findings(repo, engine, "LP003", "LP010")) == [
        ("LP010", "api/Dockerfile", 2),
        ("LP010", "docker-compose.yml", 1),
        ("LP003", "web/Dockerfile", 4),
    ]


def test_findings_of_an_inline_dockerfile_have_the_lines_of_the_compose_file(repo: Path, engine: FakeEngine) -> None:
    inline = "FROM x:1\nCOPY . .\nRUN npm ci\n"
    text = (repo / "docker-compose.yml").read_text()
    block = "".join(f"        {line}\n" for line in inline.splitlines())
    (repo / "docker-compose.yml").write_text(
        text.replace("    build: ./web\n", f"    build:\n      context: ./web\n      dockerfile_inline: |\n{block}")
    )
    with_service(engine, "web", build={"context": str(repo / "web"), "dockerfile_inline": inline})
    [finding] = findings(repo, engine, "LP003")
    assert (finding.path, finding.line) == ("docker-compose.yml", 10)
    assert "line 9" in finding.message


def test_a_repo_without_a_compose_file_has_its_dockerfiles_checked(repo: Path, engine: FakeEngine) -> None:
    (repo / "docker-compose.yml").unlink()
    (repo / "web" / "Dockerfile").write_text(BAD_WEB)
    report = check(repo, engine=engine, environment={}, tools=["layerproof"])
    assert ("LP003", "web/Dockerfile", 4) in places(list(report.findings))
    assert report.checked[0].startswith("no compose file, 3 Dockerfiles")


def test_a_folder_with_nothing_to_check_is_an_error(repo: Path, engine: FakeEngine) -> None:
    with pytest.raises(ConfigError, match="no compose file"):
        findings(repo / "web" / "src", engine)


def test_an_unknown_tool_is_refused(repo: Path, engine: FakeEngine) -> None:
    with pytest.raises(UsageError, match="there is no tool 'trivy'"):
        findings(repo, engine, tools=("trivy",))


def test_what_an_overlay_brings_is_told_in_the_overlay(repo: Path, engine: FakeEngine) -> None:
    (repo / "docker-compose.dev.yml").write_text("services:\n  web:\n    # hot reload\n    command: npm i\n")
    with_service(engine, "web", build={"context": str(repo / "web")}, command=["sh", "-c", "npm i"])
    found = places(findings(repo, engine, "LP009"))
    assert ("LP009", "docker-compose.dev.yml", 4) in found


def warning(name: str, line: int) -> dict[str, Any]:
    return {"ruleName": name, "detail": "words", "location": {"ranges": [{"start": {"line": line}}]}}


def checked(*warnings: Mapping[str, Any]) -> dict[str, Any]:
    return {"web": {"check": {"warnings": list(warnings)}}}


def test_what_a_rule_has_told_of_a_line_buildkit_does_not_tell_again(repo: Path, engine: FakeEngine) -> None:
    (repo / "web" / "Dockerfile").write_text(f"{BAD_WEB}ENV DB_PASSWORD=x\n")
    engine.checks = checked(warning("SecretsUsedInArgOrEnv", 8), warning("SecretsUsedInArgOrEnv", 7))
    found = findings(repo, engine, "LP016", "SecretsUsedInArgOrEnv", tools=("layerproof", "buildkit"))
    assert places(found) == [("SecretsUsedInArgOrEnv", "web/Dockerfile", 7), ("LP016", "web/Dockerfile", 8)]


def test_what_hadolint_has_told_of_a_line_buildkit_does_not_tell_again(
    repo: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Finding("DL4000", "error", "web/Dockerfile", 2, "words", "R13", tool="hadolint")
    monkeypatch.setattr(linters, "check_by_hadolint", lambda *_, **__: ([told], ""))
    engine.checks = checked(warning("MaintainerDeprecated", 2), warning("MaintainerDeprecated", 3))
    found = findings(repo, engine, tools=("hadolint", "buildkit"))
    assert places(found) == [("DL4000", "web/Dockerfile", 2), ("MaintainerDeprecated", "web/Dockerfile", 3)]


def test_what_could_not_be_checked_is_said(repo: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linters, "_hadolint", lambda: None)
    engine.absent = True
    report = check(repo, engine=engine, environment={}, tools=["hadolint", "buildkit"])
    assert [reason.partition(" ")[0] for reason in report.unchecked] == ["hadolint", "BuildKit's"]


def test_an_upstream_image_that_cannot_be_had_leaves_the_image_unchecked(repo: Path, engine: FakeEngine) -> None:
    error = "node:18: failed to resolve source metadata for docker.io/library/node:18: no such host"
    engine.checks = {"web": {"check": {"buildError": {"message": error}}}}
    report = check(repo, engine=engine, environment={}, tools=["buildkit"])
    assert report.findings == ()
    assert report.unchecked == (f"BuildKit did not check web: {error}",)


def test_mending_shows_what_it_changes_and_a_second_one_changes_nothing(repo: Path, engine: FakeEngine) -> None:
    (repo / "web" / ".dockerignore").write_bytes(b"# ours\r\nnode_modules")
    (repo / "api" / ".dockerignore").unlink()
    found = findings(repo, engine, "LP005")
    mendings = plan_mending(repo, engine=engine, environment={}, findings=found)
    assert [mending.path.parent.name for mending in mendings] == ["api", "web"]
    assert "+**/*.pkl" in mendings[1].diff(repo)
    assert (repo / "web" / ".dockerignore").read_bytes() == b"# ours\r\nnode_modules"
    apply_changes(mendings)
    assert (repo / "web" / ".dockerignore").read_bytes().startswith(b"# ours\r\nnode_modules")
    left = findings(repo, engine, "LP005")
    assert left == []
    assert plan_mending(repo, engine=engine, environment={}, findings=left) == ()


def test_a_file_that_changed_since_the_plan_is_left_alone(repo: Path, engine: FakeEngine) -> None:
    (repo / "web" / ".dockerignore").write_text("")
    mendings = plan_mending(repo, engine=engine, environment={}, findings=findings(repo, engine, "LP005"))
    (repo / "web" / ".dockerignore").write_text("mine\n")
    with pytest.raises(ConfigError, match="changed meanwhile"):
        apply_changes(mendings)
    assert (repo / "web" / ".dockerignore").read_text() == "mine\n"


def test_without_one_compose_file_the_dockerfiles_are_checked_and_the_candidates_are_named(tmp_path: Path) -> None:
    for name in ("infra", "deploy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "compose.yaml").write_text("services: {}\n")
    (tmp_path / "Dockerfile").write_text(BAD_WEB)
    report = check(tmp_path, engine=FakeEngine(), environment={}, tools=("layerproof",))
    assert "LP003" in {finding.rule for finding in report.findings}
    assert report.unchecked == (
        "compose: several files could be meant, name yours with --file: deploy/compose.yaml, infra/compose.yaml",
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param("FROM node:20-slim\nCOPPY a b\n", "unknown instruction COPPY", id="an instruction"),
        pytest.param("ARG TAG\n\nFROM node:${TAG}\n", "no image", id="an argument without a value"),
    ],
)
def test_the_only_dockerfile_is_broken_and_the_check_says_where(text: str, cause: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    [finding] = findings(tmp_path, FakeEngine(), "LP010")
    assert cause in finding.message
    assert finding.line == text.count("\n")


def test_a_folder_without_a_dockerfile_has_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(NoComposeFileError):
        check(tmp_path, engine=FakeEngine(), environment={}, tools=("layerproof",))


def test_an_unused_ignore_of_a_layerproof_toml_is_told_where_it_stands(repo: Path, engine: FakeEngine) -> None:
    (repo / "layerproof.toml").write_text("[policy.ignore]\n# why\nLP009 = 'no reason'\n")
    assert places(findings(repo, engine, "LP000")) == [("LP000", "layerproof.toml", 3)]
