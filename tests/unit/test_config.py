"""`[tool.layerproof]` of pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerproof.config import load_config, parse_config
from layerproof.config_file import find_config
from layerproof.errors import ConfigError, UsageError
from layerproof.settings import Config, ServiceConfig, WeightsConfig

PATH = Path("pyproject.toml")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty file"),
        pytest.param("[project]\nname = 'x'\n", id="a file without the table"),
        pytest.param("tool = 1\n", id="a file whose tool is no table"),
        pytest.param("[tool.layerproof]\n", id="an empty table"),
    ],
)
def test_defaults_hold_for(text: str) -> None:
    assert parse_config(text, path=PATH) == Config()


def test_every_key_is_read_by_its_dashed_name() -> None:
    config = parse_config(
        """
[tool.layerproof]
compose-file = "stack.yml"
bases = "bases"
allow-mnt = true
[tool.layerproof.services.api]
gpu = true
rebuild-budget-s = 5
probe-source = "src/a.py"
log-ignore = ["^x"]
weights = { manifest = "api/weights.json", mount = "/weights" }
[[tool.layerproof.services.api.verify]]
port = 3000
json-has = { status = "ok" }
shows = ["status"]
[tool.layerproof.policy.ignore]
LP001 = "one stage is enough"
""",
        path=PATH,
    )
    assert (config.compose_file, config.bases, config.allow_mnt) == ("stack.yml", "bases", True)
    service = config.service("api")
    assert (service.gpu, service.rebuild_budget_s, service.probe_source, service.log_ignore) == (
        True,
        5.0,
        "src/a.py",
        ("^x",),
    )
    assert (service.verify[0].path, service.verify[0].json_has, service.verify[0].shows) == (
        "/",
        {"status": "ok"},
        ("status",),
    )
    assert service.weights == WeightsConfig(manifest="api/weights.json", mount="/weights")
    assert config.policy.ignore == {"LP001": "one stage is enough"}
    assert config.service("web") == ServiceConfig()


@pytest.mark.parametrize(
    ("text", "start", "words"),
    [
        pytest.param("[tool.layerproof]\nbase = 'x'\n", "pyproject.toml:2: ", "unknown key", id="an unknown key"),
        pytest.param(
            "[project]\nbase = 1\n[tool.layerproof]\nbase = 'x'\n",
            "pyproject.toml:4: ",
            "tool.layerproof.base",
            id="an unknown key that another table has too",
        ),
        pytest.param(
            "[tool.layerproof.services.api]\ngpu = 'yes'\n",
            "pyproject.toml:2: ",
            "services.api.gpu",
            id="a value of the wrong type",
        ),
        pytest.param(
            "[tool.layerproof.services.api]\nrebuild-budget-s = 0\n",
            "pyproject.toml:2: ",
            "expected number > 0.0",
            id="a budget of nothing",
        ),
        pytest.param(
            "[tool.layerproof.args]\nV = 3\n", "pyproject.toml:2: ", "args.V", id="an argument that is no string"
        ),
        pytest.param(
            "[tool.layerproof.services.api.weights]\nmanifest = 'w.json'\nmount = 'weights'\n",
            "pyproject.toml:3: ",
            "'weights' is no absolute path",
            id="weights that are mounted nowhere in particular",
        ),
        pytest.param(
            "[tool.layerproof.services.api.weights]\nmount = '/weights'\n",
            "pyproject.toml:",
            "weights.manifest: it is missing",
            id="weights without a manifest",
        ),
        pytest.param(
            "[tool.layerproof]\nargs = 3\n[tool.layerproof.services.a]\ngpu = 'yes'\n",
            "pyproject.toml:2: ",
            "tool.layerproof.args: expected table, got whole number",
            id="the first of two mistakes",
        ),
        pytest.param(
            "[tool.layerproof.policy]\npin = 'no'\n",
            "pyproject.toml:2: ",
            "policy.pin: it is 'no', and can be 'tag' or 'digest'",
            id="a word that is none of those there are",
        ),
        pytest.param(
            "[tool.layerproof.services.web.audit.allow]\ngit = 'why'\n"
            "[tool.layerproof.services.'a.b'.audit.allow]\ngit = 'why'\n'x y' = ''\n",
            "pyproject.toml:5: ",
            "tool.layerproof.services.a.b.audit.allow.x y: expected text of length >= 1",
            id="a name below a name, both after good ones",
        ),
        pytest.param(
            "[tool.layerproof.services.api]\nlog-ignore = ['an object', 'object (']\n",
            "pyproject.toml:2: ",
            "services.api.log-ignore: 'object (' is no regular expression",
            id="a pattern that is none",
        ),
        pytest.param(
            "[tool.layerproof.base-images]\n'a:1' = 'a'\n'b:1' = 3\n",
            "pyproject.toml:3: ",
            "base-images.b:1: expected text or table, got whole number",
            id="neither of two types",
        ),
        pytest.param(
            "[tool.layerproof.cache]\nfrom = true\n",
            "pyproject.toml:2: ",
            "cache.from: expected text or list, got true or false",
            id="a value of no type that it can have, which TOML's missing null is none of",
        ),
        pytest.param(
            "[tool.layerproof.services.api]\nlog-ignore = ['a{99999999999999999999}']\n",
            "pyproject.toml:2: ",
            "is no regular expression",
            id="a pattern that is too large",
        ),
        pytest.param(
            "[tool.layerproof.policy]\nunused-context-kb = " + "1" * 5000,
            "pyproject.toml:1: ",
            "not valid TOML: a number is too long",
            id="a number of 5,000 digits",
        ),
        pytest.param("[tool.layerproof\n", "pyproject.toml:1: ", "not valid TOML", id="a broken table head"),
        pytest.param(
            "[tool]\nlayerproof = 3\n", "pyproject.toml:", "tool.layerproof", id="a value in place of the table"
        ),
    ],
)
def test_a_mistake_is_an_error_with_its_line(text: str, start: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, path=PATH)
    assert caught.value.message.startswith(start)
    assert words in caught.value.message


def test_a_profile_lies_over_the_general_arguments_and_contexts() -> None:
    config = parse_config(
        """
[tool.layerproof.args]
A = "1"
B = "1"
[tool.layerproof.contexts]
wheels = "a"
[tool.layerproof.profiles.lab.args]
B = "2"
""",
        path=PATH,
    )
    assert config.overlay(None).args == {"A": "1", "B": "1"}
    assert config.overlay("lab").args == {"A": "1", "B": "2"}
    assert config.overlay("lab").contexts == {"wheels": "a"}
    with pytest.raises(UsageError, match=r"no profile 'lba' \(known: lab\)"):
        config.overlay("lba")


JOINED = """
[tool.layerproof.args]
A = "0"
B = "0"
[tool.layerproof.contexts]
wheels = "general"
[tool.layerproof.profiles.lab.args]
B = "lab"
C = "lab"
[tool.layerproof.profiles.lab.contexts]
wheels = "lab"
[tool.layerproof.profiles.cpu.args]
C = "cpu"
[tool.layerproof.profiles.sources.contexts]
torch = "sources"
"""


@pytest.mark.parametrize(
    ("profile", "args", "contexts"),
    [
        pytest.param(None, {"A": "0", "B": "0"}, {"wheels": "general"}, id="none"),
        pytest.param("", {"A": "0", "B": "0"}, {"wheels": "general"}, id="an empty one, which is none"),
        pytest.param("lab,cpu", {"A": "0", "B": "lab", "C": "cpu"}, {"wheels": "lab"}, id="the later one on top"),
        pytest.param("cpu,lab", {"A": "0", "B": "lab", "C": "lab"}, {"wheels": "lab"}, id="the other way round"),
        pytest.param(" lab , cpu ", {"A": "0", "B": "lab", "C": "cpu"}, {"wheels": "lab"}, id="with spaces"),
        pytest.param(
            "lab,cpu,sources",
            {"A": "0", "B": "lab", "C": "cpu"},
            {"wheels": "lab", "torch": "sources"},
            id="three, of arguments and of contexts",
        ),
        pytest.param("lab,cpu,lab", {"A": "0", "B": "lab", "C": "lab"}, {"wheels": "lab"}, id="one of them twice"),
    ],
)
def test_profiles_are_joined_by_commas_and_later_ones_lie_on_top(
    profile: str | None, args: dict[str, str], contexts: dict[str, str]
) -> None:
    overlay = parse_config(JOINED, path=PATH).overlay(profile)
    assert (overlay.args, overlay.contexts) == (args, contexts)


@pytest.mark.parametrize(
    ("profile", "named"),
    [
        pytest.param("lab,cpo", "cpo", id="the last"),
        pytest.param("lba, cpu", "lba", id="the first"),
        pytest.param("lab,,cpu", "", id="nothing between two commas"),
        pytest.param("lab,", "", id="nothing after the last comma"),
        pytest.param("lab cpu", "lab cpu", id="two joined by a space"),
    ],
)
def test_an_unknown_profile_among_joined_ones_is_named(profile: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_config(JOINED, path=PATH).overlay(profile)
    assert caught.value.message == f"there is no profile {named!r} (known: cpu, lab, sources)"


def test_no_file_means_the_defaults_and_a_file_of_another_encoding_is_an_error(tmp_path: Path) -> None:
    assert load_config(tmp_path) == Config()
    (tmp_path / "pyproject.toml").write_bytes("# é".encode("latin-1"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_a_layerproof_toml_has_the_same_keys_at_its_top(tmp_path: Path) -> None:
    (tmp_path / "layerproof.toml").write_text('bases = "images"\n[services.api]\ngpu = true\n')
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'layerproof-user'\n")
    config = load_config(tmp_path)
    assert (config.bases, config.service("api").gpu) == ("images", True)
    assert find_config(tmp_path) == tmp_path / "layerproof.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a = 1\nbase = 'x'\n", "layerproof.toml:1: a: unknown key", id="an unknown key"),
        pytest.param("[services.api]\ngpu = 'yes'\n", "layerproof.toml:2: services.api.gpu: ", id="a wrong type"),
        pytest.param(
            "[tool.layerproof]\nbases = 'x'\n", "layerproof.toml:1: tool: unknown key", id="the prefix of the other"
        ),
        pytest.param("bases = \n", "layerproof.toml:1: not valid TOML", id="no TOML"),
    ],
)
def test_a_mistake_in_it_has_its_line_too(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "layerproof.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path}/{message}")


def test_two_configurations_are_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "layerproof.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.layerproof]\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert "pyproject.toml and " in caught.value.message
    assert caught.value.message.endswith("layerproof.toml both hold a configuration")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        pytest.param("compose-fil = 'a'", "did you mean compose-file? Known there: allow-mnt, args, ", id="at the top"),
        pytest.param(
            "[services.api]\ngp = true", "did you mean gpu? Known there: application-steps, ", id="of a service"
        ),
        pytest.param("[services.api.audit]\nxyz = 1", "Known there: allow, max-size-mb, max-wasted-mb.", id="below it"),
        pytest.param("[[services.api.verify]]\nport = 1\nq = 1", "Known there: json-has, path, ", id="in a list"),
    ],
)
def test_the_hint_of_an_unknown_key_names_those_that_are_known_there(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, path=Path("layerproof.toml"))
    assert caught.value.hint.startswith(hint)
