"""How the programs of docker's plugins are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from layerproof.engine.plugins import plugin_command


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of docker's with a plugin in it."""
    program = tmp_path / "cli-plugins" / "docker-buildx"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def test_a_users_own_plugin_is_started_directly(home: Path) -> None:
    assert plugin_command("buildx") == [str(home / "cli-plugins" / "docker-buildx")]


def test_a_plugin_that_is_nowhere_is_left_to_the_cli(home: Path) -> None:
    assert plugin_command("no-such-plugin") == ["docker", "no-such-plugin"]


def test_one_that_cannot_be_started_is_none(home: Path) -> None:
    plugin = home / "cli-plugins" / "docker-none"
    plugin.write_text("")
    assert plugin_command("none") == ["docker", "none"]


@pytest.mark.parametrize("text", [json.dumps({"cliPluginsExtraDirs": ["/opt/plugins"]}), "{", "\0", "3"])
def test_a_configuration_with_folders_of_its_own_or_a_broken_one_is_left_to_the_cli(home: Path, text: str) -> None:
    (home / "config.json").write_text(text)
    assert plugin_command("buildx") == ["docker", "buildx"]


def test_any_other_configuration_does_not_matter(home: Path) -> None:
    (home / "config.json").write_text(json.dumps({"currentContext": "default"}))
    assert plugin_command("buildx")[0].endswith("docker-buildx")
