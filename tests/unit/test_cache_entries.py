"""Places of the build cache: each image has its own, and what cannot be read is refused with the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerproof.cache_entries import in_folder, lacks_token, own_entry, with_cache
from layerproof.errors import ConfigError
from layerproof.model import Dockerfile, Image

REF = "type=registry,ref=localhost:5000/cache"


def image(name: str, **options: list[str]) -> Image:
    file = Dockerfile(Path("Dockerfile"), "FROM a\n", (), frozenset())
    keys = {key.replace("_", "-"): value for key, value in options.items()}
    return Image(name, f"{name}:latest", "service", Path("/x"), file, None, options=keys)


@pytest.mark.parametrize(
    ("given", "own"),
    [
        pytest.param(f"{REF}:{{image}}", f"{REF}:api,mode=max", id="the placeholder is the image's name"),
        pytest.param(REF, f"{REF}:api,mode=max", id="a reference without a tag gets the name as its tag"),
        pytest.param("localhost:5000/cache", f"{REF}:api,mode=max", id="a reference alone is one of a registry"),
        pytest.param("type=gha", "type=gha,scope=api,mode=max", id="GitHub's cache has a scope for each image"),
        pytest.param(
            "type=gha,scope=main", "type=gha,scope=main-api,mode=max", id="a scope is shared by no two images"
        ),
        pytest.param(f"{REF},mode=min", f"{REF}:api,mode=min", id="a mode that is given stays"),
        pytest.param("type=local,dest=/c", "type=local,dest=/c/api,mode=max", id="a folder has a sub-folder for each"),
        pytest.param("type=inline", "type=inline", id="an inline cache has neither place nor mode"),
        pytest.param("type=s3,bucket=b", "type=s3,bucket=b,name=api,mode=max", id="an object is named after the image"),
        pytest.param(
            " TYPE=gha , ignore-error=true", "type=gha,ignore-error=true,scope=api,mode=max", id="white space"
        ),
        pytest.param('type=gha,"url=a,b"', 'type=gha,"url=a,b",scope=api,mode=max', id="a quoted field with a comma"),
    ],
)
def test_an_export_goes_to_a_place_of_the_image(given: str, own: str) -> None:
    assert own_entry(given, "api", direction="to") == own


@pytest.mark.parametrize(
    ("given", "own"),
    [
        pytest.param(REF, f"{REF}:api", id="as it is exported"),
        pytest.param("registry.example/app:1.2", "type=registry,ref=registry.example/app:1.2", id="a tag read by all"),
        pytest.param("type=local,src=c", "type=local,src=c/api", id="a folder"),
        pytest.param("type=gha", "type=gha,scope=api", id="GitHub's cache"),
    ],
)
def test_an_import_is_read_where_the_export_went(given: str, own: str) -> None:
    assert own_entry(given, "api", direction="from") == own


@pytest.mark.parametrize(
    ("given", "direction", "said"),
    [
        pytest.param(f"{REF}:main", "to", "every image would write to this one reference", id="one tag for all"),
        pytest.param("ref=x/y", "to", "it has no type", id="no type"),
        pytest.param("type=ftp,ref=x", "to", "there is no type 'ftp'", id="an unknown type"),
        pytest.param("type=inline", "from", "there is no type 'inline'", id="an inline cache is imported by reference"),
        pytest.param("type=registry", "from", "it names no reference", id="no reference"),
        pytest.param("type=local", "to", "it names no folder", id="no folder"),
        pytest.param("type=registry,ref", "to", "'ref' is no field", id="a field without a value"),
        pytest.param("", "to", "it has no type", id="nothing"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_next_step(given: str, direction: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        own_entry(given, "api", direction=direction)
    assert said in caught.value.message
    assert caught.value.hint


def test_entries_stand_beside_those_of_the_compose_file_once_each() -> None:
    (found,) = with_cache([image("api", cache_from=["registry.example/api"])], imports=[REF, REF], exports=["type=gha"])
    assert found.options == {
        "cache-from": ["registry.example/api", f"{REF}:api"],
        "cache-to": ["type=gha,scope=api,mode=max"],
    }


def test_images_without_entries_stay_as_they_are() -> None:
    plain = image("api")
    assert with_cache([plain]) == (plain,)


def test_a_folder_of_the_configuration_is_relative_to_the_project() -> None:
    assert in_folder("type=local,src=cache", Path("/repo"), direction="from") == "type=local,src=/repo/cache"
    assert in_folder("type=local,dest=/tmp/c", Path("/repo"), direction="to") == "type=local,dest=/tmp/c"
    assert in_folder("type=gha", Path("/repo"), direction="to") == "type=gha"


@pytest.mark.parametrize(
    ("entry", "environment", "lacks"),
    [
        pytest.param("type=gha", {}, True, id="outside a workflow, or without the action that shows it"),
        pytest.param("type=gha", {"ACTIONS_RUNTIME_TOKEN": "x"}, False, id="in the environment"),
        pytest.param("type=gha,token=x", {}, False, id="in the entry"),
        pytest.param(REF, {}, False, id="a registry needs none"),
    ],
)
def test_buildx_leaves_githubs_cache_out_without_a_token(entry: str, environment: dict[str, str], lacks: bool) -> None:
    assert lacks_token(with_cache([image("api")], imports=[entry]), environment) is lacks
