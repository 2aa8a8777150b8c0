"""LP027 and LP031 at their edges: workflows, scripts and make files that build images."""

from __future__ import annotations

import textwrap

import pytest

from layerproof.model import Project
from layerproof.policy import Place
from tests.unit.rules.subjects import base_image, compose, findings, lines, pipelines

GHA = "type=gha,mode=max"


def workflow(*steps: str, head: str = "") -> str:
    """A workflow of one job; each step in the flow form, on a line of its own from line 5 on, or from 6 with `head`."""
    head = f"    {head}\n" if head else ""
    return f"on: push\njobs:\n  images:\n{head}    steps:\n" + "".join(f"      - {step}\n" for step in steps)


def push(context: str, cache: str = GHA, rest: str = "") -> str:
    return f'{{uses: docker/build-push-action@v6, with: {{context: "{context}", cache-to: "{cache}"{rest}}}}}'


MATRIX = "strategy: {matrix: {image: [web, api]}}"
ONE = "strategy: {matrix: {image: [web]}}"
INCLUDE = "strategy: {matrix: {include: [{image: web}, {image: api}]}}"
COMPUTED = 'strategy: {matrix: "${{ fromJson(needs.list.outputs.all) }}"}'
IMAGE = "${{ matrix.image }}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(workflow(push("web"), push("api")), [6], id="no scope at all"),
        pytest.param(workflow(push("web", GHA + ",scope=a"), push("api", "type=gha,scope=a")), [6], id="one scope"),
        pytest.param(
            workflow(push("web", GHA), push("api", GHA + ",scope=buildkit")), [6], id="the default by its name"
        ),
        pytest.param(workflow(push("web", GHA + ",scope=a"), push("api", GHA + ",scope=b")), [], id="two scopes"),
        pytest.param(workflow(push("web"), push("./web/")), [], id="one image built twice"),
        pytest.param(
            workflow(push("web"), push("web", rest=", file: web/Dockerfile")),
            [],
            id="the Dockerfile that is meant anyway",
        ),
        pytest.param(workflow(push("web"), push("web", rest=", target: test")), [6], id="another target"),
        pytest.param(workflow(push("."), push(".", rest=", file: api/Dockerfile")), [6], id="another Dockerfile"),
        pytest.param(workflow(push("web"), push("api"), push("job")), [6, 7], id="three images"),
        pytest.param(
            workflow(push("web", "type=registry,ref=x/c"), push("api", "type=registry,ref=x/c:latest,mode=max")),
            [6],
            id="one reference",
        ),
        pytest.param(workflow(push("web", "x/c:web"), push("api", "x/c:web")), [6], id="the short form of a reference"),
        pytest.param(workflow(push("web", "type=inline"), push("api", "type=inline")), [], id="in the image itself"),
        pytest.param(
            workflow(push("web", "type=local,dest=/tmp/c"), push("api", "type=local,dest=/tmp/c/")),
            [6],
            id="one folder",
        ),
        pytest.param(
            workflow(push("web", "type=s3,bucket=b,name=n"), push("api", "type=s3,bucket=b,name=n")), [6], id="S3"
        ),
        pytest.param(
            workflow(push("web", "${{ inputs.cache }}"), push("api", "${{ inputs.cache }}")), [], id="unknown"
        ),
        pytest.param(
            workflow(push("${{ inputs.one }}"), push("${{ inputs.two }}")), [], id="contexts that are not known"
        ),
        pytest.param(workflow(push("web"), push("{{defaultContext}}:web")), [], id="the default context"),
        pytest.param(
            workflow(push("web", "type=gha,scope=${{ env.S }}"), push("api", "type=gha,scope=${{env.S}}")),
            [6],
            id="one variable in one job",
        ),
        pytest.param(workflow(push(f"./{IMAGE}"), head=MATRIX), [6], id="a matrix with one scope"),
        pytest.param(workflow(push(f"./{IMAGE}"), head=INCLUDE), [6], id="a matrix of include"),
        pytest.param(workflow(push(f"./{IMAGE}"), head=COMPUTED), [6], id="a matrix that is computed"),
        pytest.param(workflow(push(f"./{IMAGE}"), head=ONE), [], id="a matrix of one"),
        pytest.param(workflow(push(f"./{IMAGE}", f"{GHA},scope={IMAGE}"), head=MATRIX), [], id="a scope each"),
        pytest.param(
            workflow(push(".", rest=f', tags: "x/{IMAGE}:1"'), head=MATRIX), [6], id="a matrix in the tags alone"
        ),
        pytest.param(workflow(push("web"), head=MATRIX), [], id="a matrix that the image does not vary with"),
        pytest.param(
            workflow(push("web", rest=f', platforms: "{IMAGE}"'), head=MATRIX), [6], id="a matrix of platforms"
        ),
        pytest.param(
            workflow(push(f"./{IMAGE}", "type=gha,scope=${{ env.S }}"), head=MATRIX), [], id="a scope that may vary"
        ),
        pytest.param(
            workflow(push(f"./{IMAGE}", "type=gha,scope=${{ github.repository }}"), head=MATRIX),
            [6],
            id="a scope that cannot vary",
        ),
        pytest.param(
            workflow(
                f"run: docker buildx build --cache-to {GHA} -t a ./web",
                f"run: cd api && docker buildx build --push --cache-to={GHA} .",
            ),
            [6],
            id="commands",
        ),
        pytest.param(
            workflow(
                f"{{run: docker buildx build --cache-to {GHA.split(',')[0]} ., working-directory: web}}", push("web")
            ),
            [],
            id="a command and a step for one image",
        ),
        pytest.param(
            workflow("{uses: docker/bake-action@v5, with: {targets: 'web,api', set: '*.cache-to=type=gha'}}"),
            [5],
            id="every target of bake",
        ),
        pytest.param(
            workflow("{uses: docker/bake-action@v5, with: {targets: web, set: '*.cache-to=type=gha'}}"),
            [],
            id="one target",
        ),
        pytest.param(
            workflow("{uses: docker/bake-action@v5, with: {set: '*.cache-to=type=gha'}}"), [], id="targets not known"
        ),
        pytest.param(
            workflow("run: docker buildx bake --set *.cache-to=type=gha web api"), [5], id="bake as a command"
        ),
    ],
)
def test_caches_in_one_job(text: str, expected: list[int]) -> None:
    assert lines("LP027", pipelines(text)) == expected


def test_the_lines_of_lists_are_those_of_their_entries() -> None:
    text = textwrap.dedent("""\
        jobs:
          images:
            steps:
              - uses: docker/bake-action@v5
                with:
                  set: |
                    web.tags=x
                    web.cache-to=type=gha,scope=one
                    api.cache-to=type=gha,scope=one
              - uses: docker/build-push-action@v6
                with:
                  context: web
                  cache-to: |
                    type=registry,ref=x/web:cache
                    type=gha
              - name: api
                run: |
                  set -e
                  docker buildx build \\
                    --cache-to type=gha \\
                    api
        """)
    assert lines("LP027", pipelines(text)) == [9, 19]


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        pytest.param(push("web"), push("api"), 1, id="two workflows with the default scope"),
        pytest.param(push("web"), push("web"), 0, id="one image in two workflows"),
        pytest.param(push("web", "type=local,dest=/c"), push("api", "type=local,dest=/c"), 0, id="another machine"),
        pytest.param(
            push("web", "type=gha,scope=${{ env.S }}"), push("api", "type=gha,scope=${{ env.S }}"), 0, id="variables"
        ),
        pytest.param(
            push("web", "type=registry,ref=${{ github.repository }}:c"),
            push("api", "type=registry,ref=${{ github.repository }}:c"),
            1,
            id="what is the same in all of them",
        ),
    ],
)
def test_caches_in_two_workflows(first: str, second: str, count: int) -> None:
    found = findings("LP027", pipelines(workflow(first), workflow(second)))
    assert len(found) == count
    for where, message in found:
        assert isinstance(where, Place)
        assert where.path.name == "1.yml"
        assert ".github/workflows/0.yml:5" in message


def test_variables_of_the_workflow_are_looked_up() -> None:
    text = "env: {SCOPE: web}\n" + workflow(
        push("web", "type=gha,scope=web"), push("api", "type=gha,scope=${{env.SCOPE}}")
    )
    assert lines("LP027", pipelines(text)) == [7]


@pytest.mark.parametrize(
    ("caches", "expected"),
    [
        pytest.param(("type=gha", "type=gha"), 1, id="no scope"),
        pytest.param(("type=gha,scope=web", "type=gha,scope=api"), 0, id="two scopes"),
        pytest.param(("type=registry,ref=x/c", "type=registry,ref=x/c"), 1, id="one reference"),
    ],
)
def test_caches_of_services(caches: tuple[str, str], expected: int) -> None:
    one, two = caches
    text = f"services:\n  web: {{build: {{context: web, cache_to: ['{one}']}}}}\n"
    text += f"  api: {{build: {{context: api, cache_to: ['{two}']}}}}\n"
    found = findings("LP027", pipelines(project=compose(text).project))
    assert [where for where, _ in found] == [("services", "api", "build", "cache_to")] * expected


def test_bake_builds_every_service_where_no_target_is_named() -> None:
    project = compose("services:\n  web: {build: web}\n  api: {build: api}\n").project
    text = workflow("{uses: docker/bake-action@v5, with: {set: '*.cache-to=type=gha'}}")
    assert lines("LP027", pipelines(text, project=project)) == [5]
    assert lines("LP027", pipelines(text.replace("set:", "files: docker-bake.hcl, set:"), project=project)) == []


BASE, APP = "docker build -t base-py docker/base-py", "docker build -t shop/app:1 app"


def shop() -> Project:
    """A base, and a service that starts from it; another service that does not."""
    base = base_image("base-py", "FROM python:3.12-slim\n")
    text = "services:\n  app: {image: 'shop/app:1', build: app}\n  web: {image: 'shop/web:1', build: web}\n"
    dockerfiles = {"app": "FROM base-py:latest\n", "web": "FROM nginx:1.27\n"}
    return compose(text, dockerfiles=dockerfiles, others=[base]).project


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{BASE}\n{APP}\n", [], id="the base first"),
        pytest.param(f"#!/bin/sh\n{APP}\n{BASE}\n", [2], id="the base last"),
        pytest.param(f"{BASE}\n{APP}\n{BASE}\n", [], id="the base again at the end"),
        pytest.param(
            f"docker buildx build --load \\\n  -t shop/app:1 \\\n  app\n{BASE}\n", [1], id="over several lines"
        ),
        pytest.param(f"docker compose build\n{BASE}\n", [1], id="compose builds all of them"),
        pytest.param(f"docker-compose build app\n{BASE}\n", [1], id="compose builds one"),
        pytest.param(f"docker compose build web\n{BASE}\n", [], id="compose builds another one"),
        pytest.param(f"docker compose up -d --build\n{BASE}\n", [1], id="compose up builds as well"),
        pytest.param(f"docker compose up -d\n{BASE}\n", [], id="compose up that builds nothing"),
        pytest.param(f"docker compose -f other.yml build\n{BASE}\n", [], id="another project"),
        pytest.param(f"docker build -t shop/web:1 web\n{BASE}\n", [], id="an image that does not start from it"),
        pytest.param(f"docker build -t app-ci ./app\n{BASE}\n", [1], id="another tag, told by its folder"),
        pytest.param(f"cd app\ndocker build -t $TAG .\ncd ..\n{BASE}\n", [2], id="told by the folder it runs in"),
        pytest.param(f"{APP}\ndocker build -t other/base docker/base-py\n", [], id="a base under another name"),
        pytest.param(
            f'TAG=base-py:latest\n{APP}\ndocker build -t "$TAG" docker/base-py\n', [2], id="a tag in a variable"
        ),
        pytest.param(f"{APP}\ndocker build -t $1 docker/base-py\n", [1], id="a tag that is not known"),
        pytest.param(f"app() {{\n  {APP}\n}}\nbase() {{\n  {BASE}\n}}\nbase\napp\n", [], id="functions"),
        pytest.param(f"app() {{ {APP}; }}\nbase() {{ {BASE}; }}\nbase\napp\n", [], id="functions on one line"),
        pytest.param(f"case $1 in\n  app) {APP} ;;\n  base) {BASE} ;;\nesac\n", [], id="branches of a case"),
        pytest.param(f"if x; then\n  {APP}\nelse\n  {BASE}\nfi\n", [], id="branches of an if"),
        pytest.param(f"cat <<EOF\n{APP}\nEOF\n{BASE}\n", [], id="a here-document"),
        pytest.param(f"echo 'usage:\n{APP}\n'\n{BASE}\n", [], id="text over several lines"),
        pytest.param(f"# {APP}\necho {APP}\n{BASE}\n", [], id="words about it"),
        pytest.param(f"# it's\n{APP}\n{BASE}\n", [2], id="an apostrophe in a comment"),
        pytest.param(f"docker build -t app:$(git rev-parse HEAD) app\n{BASE}\n", [1], id="a tag that a command prints"),
        pytest.param(f"docker buildx bake\n{APP}\n{BASE}\n", [], id="bake may have built it"),
        pytest.param(f"sudo -E DOCKER_BUILDKIT=1 {APP} && {BASE}\n", [1], id="on one line"),
    ],
)
def test_the_order_in_scripts(text: str, expected: list[int]) -> None:
    subject = pipelines(scripts={"build.sh": text}, project=shop())
    assert lines("LP031", subject) == expected
    if expected:
        [(_, message)] = findings("LP031", subject)
        assert message.startswith("app starts from base-py:latest, which is built after it, on line ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"all:\n\t@{APP}\n\t{BASE}\n", [2], id="one recipe"),
        pytest.param(f"app: base\n\t{APP}\nbase:\n\t{BASE}\n", [], id="two recipes"),
        pytest.param(f"D := docker\nall:\n\t$(D) build -t shop/app:1 app\n\t{BASE}\n", [3], id="docker in a variable"),
        pytest.param(f"all:\n\tcd app && docker build -t $(TAG) .\n\t{BASE}\n", [2], id="a folder for one line"),
    ],
)
def test_the_order_in_make_files(text: str, expected: list[int]) -> None:
    assert lines("LP031", pipelines(scripts={"Makefile": text}, project=shop())) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(workflow(f"run: {APP}", f"run: {BASE}"), [5], id="two steps"),
        pytest.param(workflow(f"run: {BASE}", f"run: {APP}"), [], id="two steps in the right order"),
        pytest.param(workflow(push("app"), push("docker/base-py", rest=", tags: base-py:latest")), [5], id="actions"),
        pytest.param(
            f"jobs:\n  a:\n    steps:\n    - run: {APP}\n  b:\n    steps:\n    - run: {BASE}\n", [], id="two jobs"
        ),
        pytest.param(f"images:\n  script:\n    - {APP}\n    - {BASE}\n", [3], id="a job of GitLab"),
        pytest.param(
            f"images:\n  script:\n    - |\n      set -e\n      {APP}\n      {BASE}\n", [5], id="a block of GitLab"
        ),
        pytest.param(
            f"runs:\n  using: composite\n  steps:\n    - run: {APP}\n    - run: {BASE}\n", [4], id="an action"
        ),
        pytest.param("on: push\n", [], id="no job"),
        pytest.param("jobs:\n  a: {uses: ./.github/workflows/x.yml}\n  b:\n", [], id="a job without steps"),
    ],
)
def test_the_order_in_workflows(text: str, expected: list[int]) -> None:
    assert lines("LP031", pipelines(text, project=shop())) == expected
