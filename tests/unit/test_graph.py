"""Images to a graph and a bake definition."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from layerproof.dockerfile import parse_dockerfile
from layerproof.graph import CycleError, bake_definition, build_order, dependents, lint_definition, with_parents
from layerproof.model import Image
from layerproof.references import normalize_reference


def image(name: str, *parents: str, **more: Any) -> Image:
    file = parse_dockerfile("FROM x\n", path=Path("/p", name, "Dockerfile"))
    given = {"tag": f"{name}:latest", "role": "service", "target": None, **more}
    return Image(name=name, context=Path("/p", name), dockerfile=file, parents=parents, **given)


IMAGES = (image("web", "pose"), image("pose", "base"), image("api", "base"), image("base"), image("alone"))


def test_every_image_stands_after_its_parents() -> None:
    order = [item.name for item in build_order(IMAGES)]
    assert sorted(order) == ["alone", "api", "base", "pose", "web"]
    assert order.index("base") < order.index("pose") < order.index("web")
    assert order.index("base") < order.index("api")


@pytest.mark.parametrize(
    ("images", "cycle"),
    [
        pytest.param((image("a", "b"), image("b", "a")), {"a", "b"}, id="two images"),
        pytest.param((image("a", "b"), image("b", "c"), image("c", "a"), image("d")), {"a", "b", "c"}, id="three"),
        pytest.param((image("a", "a"),), {"a"}, id="an image and itself"),
    ],
)
def test_a_circle_is_named_in_order(images: tuple[Image, ...], cycle: set[str]) -> None:
    with pytest.raises(CycleError) as caught:
        build_order(images)
    found = caught.value.cycle
    assert set(found) == cycle
    assert found[0] == found[-1]
    needs = {item.name: item.parents for item in images}
    assert all(second in needs[first] for first, second in itertools.pairwise(found))
    assert " -> ".join(found) in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("names", "needed", "affected"),
    [
        pytest.param({"pose"}, {"base", "pose"}, {"pose", "web"}, id="one in the middle"),
        pytest.param({"base"}, {"base"}, {"base", "pose", "api", "web"}, id="a base"),
        pytest.param({"web", "alone"}, {"base", "pose", "web", "alone"}, {"web", "alone"}, id="two at the end"),
        pytest.param(set(), set(), set(), id="none"),
    ],
)
def test_what_images_need_and_what_needs_them(names: set[str], needed: set[str], affected: set[str]) -> None:
    assert {item.name for item in with_parents(IMAGES, names)} == needed
    assert set(dependents(IMAGES, names)) == affected


def test_both_tags_of_a_base_become_contexts_under_the_names_that_buildkit_looks_up() -> None:
    bases = (
        image("base-x", tag="base-x:latest", target="build"),
        image("base-x-runtime", tag="base-x:runtime", target="runtime"),
    )
    registry = image("far", tag="localhost:5000/far:latest")
    web = image("web", "base-x", "base-x-runtime", "far")
    targets = bake_definition((*bases, registry, web))["target"]
    assert targets["web"]["contexts"] == {
        "base-x": "target:base-x",
        "base-x:runtime": "target:base-x-runtime",
        "localhost:5000/far": "target:far",
    }
    assert targets["base-x"]["target"] == "build"
    assert "contexts" not in targets["base-x"]


def test_a_definition_says_everything_a_target_needs() -> None:
    web = image(
        "web",
        args={"A": "1"},
        contexts={"wheels": "/w"},
        options={"tags": ["web:2"], "labels": {"a": "b"}, "network": "host"},
    )
    definition = bake_definition([web], labels={"c": "d"})
    assert definition == {
        "group": {"default": {"targets": ["web"]}},
        "target": {
            "web": {
                "context": "/p/web",
                "dockerfile": "/p/web/Dockerfile",
                "tags": ["web:latest", "web:2"],
                "args": {"A": "1"},
                "contexts": {"wheels": "/w"},
                "labels": {"a": "b", "c": "d"},
                "network": "host",
                "output": ["type=docker"],
            }
        },
    }


def test_a_definition_for_checks_has_no_links_no_tags_and_no_outputs() -> None:
    base = image("base", upstreams=("node:18",))
    targets = lint_definition([image("web", "api"), image("api", "base"), base])["target"]
    assert targets["api"]["contexts"] == {"base": "docker-image://node:18"}
    assert targets["web"]["contexts"] == {"api": "docker-image://node:18"}
    assert not any(key in target for target in targets.values() for key in ("tags", "output"))


def test_a_dockerfile_in_the_compose_file_is_passed_as_text() -> None:
    target = bake_definition([image("web", inline=True)])["target"]["web"]
    assert target["dockerfile-inline"] == "FROM x\n"
    assert "dockerfile" not in target


@pytest.mark.parametrize(
    ("reference", "normal"),
    [
        pytest.param("node", "node:latest", id="no tag"),
        pytest.param("node:18", "node:18", id="a tag"),
        pytest.param("docker.io/library/node", "node:latest", id="the full name"),
        pytest.param("docker.io/me/x:1", "me/x:1", id="a user's image"),
        pytest.param("localhost:5000/x", "localhost:5000/x:latest", id="a registry's port is no tag"),
        pytest.param("localhost:5000/x:1", "localhost:5000/x:1", id="a port and a tag"),
        pytest.param("node@sha256:ab", "node@sha256:ab", id="a digest"),
        pytest.param("reg:5000/a/node:18@sha256:ab", "reg:5000/a/node:18@sha256:ab", id="tag and digest"),
        pytest.param("ghcr.io/library/x", "ghcr.io/library/x:latest", id="another registry's library"),
    ],
)
def test_a_reference_as_docker_compares_it(reference: str, normal: str) -> None:
    assert normalize_reference(reference) == normal
    assert normalize_reference(normal) == normal
