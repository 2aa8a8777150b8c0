"""`[tool.layerproof.cache]`."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerproof.config import parse_config
from layerproof.errors import ConfigError

PATH = Path("pyproject.toml")
TEXT = """
[tool.layerproof.cache]
from = "type=registry,ref=registry.example/cache"
[tool.layerproof.profiles.ci.cache]
to = ["type=registry,ref=registry.example/cache"]
[tool.layerproof.profiles.offline.cache]
from = []
"""


@pytest.mark.parametrize(
    ("profile", "imports", "exports"),
    [
        pytest.param(None, 1, 0, id="what is general holds alone"),
        pytest.param("ci", 1, 1, id="a profile adds the export to the general import"),
        pytest.param("offline", 0, 0, id="a profile can take the import away"),
        pytest.param("ci,offline", 0, 1, id="later profiles lie on top"),
    ],
)
def test_imports_and_exports_are_overlaid_each_by_itself(profile: str | None, imports: int, exports: int) -> None:
    cache = parse_config(TEXT, path=PATH).overlay(profile).cache
    assert (len(cache.all_imports()), len(cache.all_exports())) == (imports, exports)


def test_an_entry_that_no_builder_knows_is_an_error_that_names_the_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config('[tool.layerproof.cache]\nto = ["type=ftp,ref=x"]\n', path=PATH)
    assert "pyproject.toml:2: tool.layerproof.cache.to" in caught.value.message
    assert "there is no type 'ftp'" in caught.value.message
