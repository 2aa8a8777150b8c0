"""LP017, LP022 to LP026 and LP028 at their edges."""

from __future__ import annotations

from typing import Any

import pytest

from layerproof.settings import Config, Policy
from tests.unit.rules.subjects import base_image, compose, findings


def told(identifier: str, subject: Any) -> list[str]:
    """The key path and the message of each finding, `services` left out."""
    return [f"{'.'.join(where[1:])}: {message}" for where, message in findings(identifier, subject)]


def check(identifier: str, subject: Any, expected: list[str]) -> None:
    found = told(identifier, subject)
    assert len(found) == len(expected), found
    assert all(row.startswith(begin) for row, begin in zip(found, expected, strict=True)), found


def built(rest: str) -> str:
    return f"services:\n  api:\n    build: {{{rest}}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            built("context: ../other"), ["api.build.context: the build context of api is /other"], id="beside"
        ),
        pytest.param(built("context: infra/../backend"), [], id="up and down again in the repository"),
        pytest.param(built("context: /project/backend"), [], id="an absolute path inside"),
        pytest.param(built("context: /projects/backend"), ["api.build.context"], id="a common beginning of the name"),
        pytest.param(built("context: ./a, dockerfile: ../docker/a.Dockerfile"), [], id="a Dockerfile elsewhere inside"),
        pytest.param(
            built("context: ./a, dockerfile: ../../a.Dockerfile"),
            ["api.build.dockerfile: the Dockerfile of api is /a.Dockerfile"],
            id="a Dockerfile outside",
        ),
        pytest.param(built("context: ../a, dockerfile: Dockerfile"), ["api.build.context"], id="one finding, not two"),
        pytest.param(
            built("context: ., additional_contexts: {lib: /opt/lib, up: docker-image://alpine, git: https://x/y.git}"),
            ["api.build.additional_contexts.lib: the named context lib of api is /opt/lib"],
            id="a named context that is a folder",
        ),
        pytest.param(built("context: /mnt/c/me/api"), [], id="a Windows drive is told by LP008"),
        pytest.param(built("dockerfile_inline: FROM x"), [], id="a Dockerfile in the compose file"),
        pytest.param("services:\n  api:\n    image: x\n", [], id="nothing is built"),
    ],
)
def test_contexts_outside_the_repository(text: str, expected: list[str]) -> None:
    check("LP017", compose(text), expected)


def test_a_windows_drive_that_is_allowed_is_outside_as_any_other_folder() -> None:
    subject = compose(built("context: /mnt/d/api"), config=Config(allow_mnt=True))
    check("LP017", subject, ["api.build.context"])


PAIR = (
    "services:\n  base:\n    image: example/base{0}\n    build: ./base\n  api:\n    build: {{context: ./api{1}}}\n{2}"
)


@pytest.mark.parametrize(
    ("text", "dockerfile", "expected"),
    [
        pytest.param(PAIR.format("", "", ""), "FROM example/base:latest\n", ["api.build: api is built on"], id="FROM"),
        pytest.param(PAIR.format(":1", "", ""), "ARG B=example/base:1\nFROM $B\n", ["api.build"], id="by an argument"),
        pytest.param(
            PAIR.format("", "", ""), "FROM alpine:3\nCOPY --from=example/base /x /x\n", ["api.build"], id="COPY --from"
        ),
        pytest.param(
            PAIR.format("", "", ""),
            "FROM alpine:3\nRUN --mount=from=example/base,target=/b make\n",
            ["api.build"],
            id="a mount",
        ),
        pytest.param(PAIR.format(":2", "", ""), "FROM example/base:1\n", [], id="another tag comes from a registry"),
        pytest.param(
            PAIR.format("", ', additional_contexts: {example/base: "service:base"}', ""),
            "FROM example/base\n",
            [],
            id="said by a context",
        ),
        pytest.param(
            PAIR.format("", ', additional_contexts: {b: "service:base"}', ""),
            "FROM example/base\n",
            ["api.build"],
            id="a context of another name",
        ),
        pytest.param(
            PAIR.format("", "", "    depends_on: [base]\n"), "FROM example/base\n", ["api.build"], id="depends_on"
        ),
        pytest.param(
            PAIR.format("", ", target: dev", ""),
            "FROM alpine:3 AS dev\nFROM example/base AS prod\n",
            [],
            id="a stage that is not built",
        ),
        pytest.param(PAIR.format("", "", ""), "FROM alpine:3 AS example\nFROM example\n", [], id="a stage of its own"),
    ],
)
def test_bases_that_are_services(text: str, dockerfile: str, expected: list[str]) -> None:
    check("LP022", compose(text, dockerfiles={"api": dockerfile, "base": "FROM alpine:3\n"}), expected)


def test_a_base_of_the_folder_of_bases_is_built_first() -> None:
    base = base_image("base-py", "FROM python:3.12-slim\n")
    subject = compose(built("context: ."), dockerfiles={"api": "FROM base-py\n"}, others=[base])
    check("LP022", subject, [])


def test_two_services_of_one_image_are_not_built_on_each_other() -> None:
    text = "services:\n  web: &x\n    image: example/app\n    build: ./app\n  worker: *x\n"
    dockerfile = "FROM alpine:3\n"
    check("LP022", compose(text, dockerfiles={"web": dockerfile, "worker": dockerfile}), [])


API = "services:\n  api:\n    image: example/api:1\n"
PORTS = "    ports: ['8080:8080']\n"
TEST = "    healthcheck: {test: [CMD, ping]}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(API + PORTS, ["api: api has no health check: it publishes port 8080"], id="published"),
        pytest.param(
            API + "    expose: ['9000']\n", ["api: api has no health check: it exposes port 9000"], id="exposed"
        ),
        pytest.param(API, [], id="a worker that nobody waits for"),
        pytest.param(API + PORTS + TEST, [], id="a check"),
        pytest.param(API + PORTS + "    healthcheck: {test: curl -f http://x}\n", [], id="a check in one string"),
        pytest.param(API + PORTS + "    healthcheck: {disable: true}\n", ["api"], id="switched off"),
        pytest.param(API + PORTS + "    healthcheck: {test: [NONE]}\n", ["api"], id="NONE"),
        pytest.param(API + PORTS + "    healthcheck: {interval: 5s}\n", [], id="other times for the image's own"),
        pytest.param(
            API + "  web:\n    image: w:1\n    depends_on: [api]\n",
            ["api: api has no health check: web waits for it"],
            id="waited for",
        ),
        pytest.param(
            API
            + PORTS
            + "  web:\n    image: w:1\n    depends_on: {api: {condition: service_completed_successfully}}\n",
            [],
            id="a job whose end is waited for",
        ),
        pytest.param(API + "    restart: 'no'\n    command: seed\n    expose: ['1']\n", [], id="a job that runs once"),
        pytest.param(API + "    restart: 'no'\n    command: serve\n" + PORTS, ["api"], id="a server that is run once"),
        pytest.param("services:\n  dns:\n    image: pihole/pihole:2025.1\n" + PORTS, [], id="the image brings one"),
        pytest.param("services:\n  db:\n    provider: {type: cloud}\n" + PORTS, [], id="no container at all"),
    ],
)
def test_health_checks(text: str, expected: list[str]) -> None:
    check("LP023", compose(text), expected)
    assert findings("LP023", compose(text, overlay="cpu")) == []


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        pytest.param(
            "FROM python:3.12\nEXPOSE 80/tcp\n", ["api: api has no health check: its Dockerfile"], id="EXPOSE"
        ),
        pytest.param("FROM python:3.12\n", [], id="no port"),
        pytest.param("FROM python:3.12\nEXPOSE 80\nHEALTHCHECK CMD ping\n", [], id="HEALTHCHECK"),
        pytest.param("FROM a:1 AS b\nHEALTHCHECK CMD ping\nFROM b\nEXPOSE 80\n", [], id="of the stage below"),
        pytest.param("FROM a:1 AS b\nHEALTHCHECK CMD ping\nFROM a:1\nEXPOSE 80\n", ["api"], id="of another stage"),
        pytest.param("FROM a:1\nHEALTHCHECK CMD ping\nEXPOSE 80\nHEALTHCHECK NONE\n", ["api"], id="removed again"),
        pytest.param("FROM base-py\nEXPOSE 80\n", [], id="of the project's base"),
        pytest.param("FROM base-py\nEXPOSE 80\nHEALTHCHECK NONE\n", ["api"], id="of the base, removed"),
        pytest.param("FROM scratch\nEXPOSE 80\n", [], id="scratch has no program to ask with"),
        pytest.param("FROM gcr.io/distroless/static-debian12:nonroot\nEXPOSE 80\n", [], id="distroless static"),
        pytest.param("FROM gcr.io/distroless/nodejs20-debian12\nEXPOSE 80\n", ["api"], id="distroless with Node"),
    ],
)
def test_health_checks_of_what_is_built(dockerfile: str, expected: list[str]) -> None:
    base = base_image("base-py", "FROM python:3.12-slim\nHEALTHCHECK CMD python -V\n")
    check("LP023", compose(built("context: ."), dockerfiles={"api": dockerfile}, others=[base]), expected)


def service(image: str, *ports: str, name: str = "x") -> str:
    return f"services:\n  {name}:\n    image: '{image}'\n    ports: [{', '.join(repr(port) for port in ports)}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            service("mongo:7.0", "27017:27017"),
            ['x.ports.0: x (mongo) publishes 27017 on all interfaces: write "127.0.0.1:27017:27017" or drop it'],
            id="MongoDB on all interfaces",
        ),
        pytest.param(service("mongo:7.0", "127.0.0.1:27017:27017"), [], id="on this machine only"),
        pytest.param(service("mongo:7.0", "0.0.0.0:5:27017"), ["x.ports.0"], id="all interfaces by their address"),
        pytest.param(service("mongo:7.0", "192.168.1.5:5:27017"), [], id="one interface that somebody chose"),
        pytest.param(service("mongo:7.0", "${BIND:-127.0.0.1}:5:27017"), [], id="loopback as a default"),
        pytest.param(service("redis:7", "6379"), ["x.ports.0"], id="a random port"),
        pytest.param(service("docker.io/bitnami/redis:7", "7000:7000"), ["x.ports.0"], id="another port of its"),
        pytest.param(service("public.ecr.aws/docker/library/postgres:16", "5432:5432"), ["x.ports.0"], id="a mirror"),
        pytest.param(
            service("rabbitmq:3-management", "5672:5672", "127.0.0.1:1:1", "15672:15672"),
            ["x.ports.0: x (rabbitmq) publishes 5672, 15672"],
            id="two ports, one finding",
        ),
        pytest.param(service("redis:7", "127.0.0.1:1:1", "6379:6379"), ["x.ports.1"], id="the second port"),
        pytest.param(service("adminer:4", "8080:8080"), ["x.ports.0: x (adminer)"], id="an admin interface"),
        pytest.param(service("dpage/pgadmin4:8", "80:80"), ["x.ports.0: x (pgadmin4)"], id="pgAdmin"),
        pytest.param(service("redis:7", "6379:6379/udp"), [], id="UDP is none of its"),
        pytest.param(
            service("homeassistant/home-assistant:2024.1", "8123:8123"), [], id="8123 is not ClickHouse alone"
        ),
        pytest.param(service("example/store:1", "5432:5432", name="db"), ["db.ports.0"], id="called db"),
        pytest.param(service("example/proxy:1", "3306:3306", name="dbt-gate"), [], id="not called like one"),
        pytest.param(service("nginx:1.27", "80:80", name="cache"), [], id="called cache, another port"),
        pytest.param(service("provectuslabs/kafka-ui:1", "8080:8080"), [], id="a user interface that is not known"),
        pytest.param(
            "services:\n  x:\n    image: mysql:8\n    ports:\n      - {target: 3306, published: '3306'}\n",
            ["x.ports.0"],
            id="the long form",
        ),
        pytest.param("services:\n  x:\n    image: mysql:8\n    expose: [3306]\n", [], id="inside the network only"),
    ],
)
def test_open_data_stores(text: str, expected: list[str]) -> None:
    check("LP024", compose(text), expected)
    assert findings("LP024", compose(text, overlay="dev")) == []


@pytest.mark.parametrize(
    ("dockerfile", "port", "expected"),
    [
        pytest.param(
            "FROM postgres:16\nCOPY init.sql /x/\n", 5432, ["api.ports.0: api (postgres)"], id="on PostgreSQL"
        ),
        pytest.param(
            "FROM postgres:16 AS db\nFROM db\n", 6000, ["api.ports.0"], id="any port of what is on PostgreSQL"
        ),
        pytest.param("FROM debian:12\n", 27017, ["api.ports.0: api (MongoDB)"], id="by the port"),
        pytest.param("FROM python:3.12\n", 8000, [], id="a program of one's own"),
        pytest.param("FROM golang:1.23\n", 9000, [], id="9000 says nothing"),
    ],
)
def test_open_data_stores_that_are_built(dockerfile: str, port: int, expected: list[str]) -> None:
    text = built("context: .") + f"    ports: ['{port}:{port}']\n"
    check("LP024", compose(text, dockerfiles={"api": dockerfile}), expected)


def env(*entries: str, image: str = "postgres:16", rest: str = "") -> str:
    return f"services:\n  x:\n    image: {image}\n{rest}    environment:\n" + "".join(f"      {e}\n" for e in entries)


OPEN = "    ports: ['5432:5432']\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            env("POSTGRES_PASSWORD: hunter2"),
            ["x.environment.POSTGRES_PASSWORD: POSTGRES_PASSWORD has a secret for its value"],
            id="a literal",
        ),
        pytest.param(env("- POSTGRES_PASSWORD=hunter2"), ["x.environment.POSTGRES_PASSWORD"], id="in the list form"),
        pytest.param(env("RABBITMQ_DEFAULT_PASS: guest"), ["x.environment"], id="PASS"),
        pytest.param(env("JWT_SECRET: abc", "SECRET_KEY_BASE: abc", "API_KEY: a"), ["x", "x", "x"], id="other words"),
        pytest.param(env("GF_SECURITY_ADMIN_USER: admin"), [], id="a user's name"),
        pytest.param(env("DB_PASSWORD_FILE: /run/secrets/db", "TOKEN: /run/secrets/t"), [], id="where it is"),
        pytest.param(env("ACCESS_KEY_ID: x", "TOKEN_TTL: 60", "MAX_TOKENS: 5"), [], id="something about a secret"),
        pytest.param(
            env("PUBLIC_KEY: abc", "PUSHER_APP_KEY: abc", "VITE_MAPBOX_TOKEN: pk.abc"), [], id="what everybody may read"
        ),
        pytest.param(env("DB_PASSWORD: ''", "USE_TOKEN: 'true'", "RANDOM_PASSWORD: 'yes'"), [], id="no value at all"),
        pytest.param(env("DB_PASSWORD: ${DB_PASSWORD}", "A_SECRET: ${A:?set it}", "T_TOKEN: $T"), [], id="a variable"),
        pytest.param(env("DB_PASSWORD: pre-${DB_PASSWORD}"), [], id="a part of it is a variable"),
        pytest.param(env("DB_PASSWORD: ${P:-hunter2}"), [], id="a default in the network of the project"),
        pytest.param(
            env("DB_PASSWORD: ${P:-hunter2}", rest=OPEN),
            ["x.environment.DB_PASSWORD: DB_PASSWORD has a secret for its value, here in the file as a default"],
            id="a default of what is published",
        ),
        pytest.param(
            env("DB_PASSWORD: ${P:-hunter2}", rest="    ports: ['127.0.0.1:5432:5432']\n"),
            [],
            id="on this machine only",
        ),
        pytest.param(env("DB_PASSWORD: ${P:-}", rest=OPEN), [], id="an empty default"),
        pytest.param(env("DB_PASSWORD: ${P:-${Q:?}}", rest=OPEN), [], id="a variable as the default"),
        pytest.param(env("A_SECRET: ${P:-x}", image="example/app:1", rest=OPEN), [], id="a default of no data store"),
        pytest.param(env("DB_URL: postgres://app:hunter2@db/app"), ["x.environment.DB_URL"], id="in an address"),
        pytest.param(env("DB_URL: redis://:hunter2@cache"), ["x.environment.DB_URL"], id="without a user"),
        pytest.param(env("DB_URL: postgres://app:${P}@db/app"), [], id="a variable in an address"),
        pytest.param(env("DB_URL: m://${U:-admin}:${P:-hunter2}@db/?x=admin"), [], id="a default in an address"),
        pytest.param(env("DB_URL: m://${U:-a}:${P:-b}@db/", rest=OPEN), ["x.environment.DB_URL"], id="a published one"),
        pytest.param(
            env("DB_URL: postgres://app@db:5432/app", "X: http://a:80/@b"), [], id="no password in an address"
        ),
        pytest.param(env("POSTGRES_HOST_AUTH_METHOD: trust"), ["x.environment"], id="everybody is trusted"),
        pytest.param(env("POSTGRES_HOST_AUTH_METHOD: md5"), [], id="passwords are asked for"),
        pytest.param(
            env("MYSQL_ALLOW_EMPTY_PASSWORD: 'yes'", "ALLOW_EMPTY_PASSWORD: 'yes'"),
            ["x.environment.MYSQL_ALLOW_EMPTY_PASSWORD: MYSQL_ALLOW_EMPTY_PASSWORD lets everybody in", "x.environment"],
            id="an empty password",
        ),
        pytest.param(env("MYSQL_ALLOW_EMPTY_PASSWORD: 'no'"), [], id="no empty password"),
        pytest.param(env("NEO4J_AUTH: neo4j/hunter2"), ["x.environment.NEO4J_AUTH"], id="Neo4j has a name of its own"),
        pytest.param(env("AWS_SECRET_ACCESS_KEY: test"), [], id="a stand-in of AWS"),
        pytest.param(env("A_TOKEN: op://vault/item", "B_TOKEN: <token>"), [], id="the address of a secret"),
        pytest.param(env("A_TOKEN: abc$$def"), ["x.environment.A_TOKEN"], id="a dollar that is no variable"),
        pytest.param(env("A_TOKEN: abc", rest="    profiles: [dev, test]\n"), [], id="profiles for development"),
        pytest.param(env("A_TOKEN: abc", rest="    profiles: [tools]\n"), ["x.environment"], id="another profile"),
    ],
)
def test_default_credentials(text: str, expected: list[str]) -> None:
    subject = compose(text)
    check("LP025", subject, expected)
    assert "hunter2" not in " ".join(told("LP025", subject))
    assert findings("LP025", compose(text, overlay="dev")) == []


def run_by(*lines: str) -> str:
    return "services:\n  x:\n    image: redis:7\n" + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            run_by("command: redis-server --requirepass hunter2hunter2"),
            ["x.command: command holds a password behind a flag, here in the file"],
            id="a command",
        ),
        pytest.param(run_by("command: [redis-server, --requirepass, hunter2]"), ["x.command"], id="a list"),
        pytest.param(run_by("command: ['sh', '-c', 'app --token=hunter2hunter2']"), ["x.command"], id="in a shell"),
        pytest.param(run_by("entrypoint: app --db-password hunter2"), ["x.entrypoint"], id="an entry point"),
        pytest.param(
            run_by("healthcheck: {test: [CMD, redis-cli, -a, hunter2, ping]}"),
            ["x.healthcheck.test: healthcheck.test holds a password for Redis"],
            id="a health check",
        ),
        pytest.param(run_by("healthcheck: {test: mysqladmin ping -uroot -phunter2}"), ["x"], id="for MySQL"),
        pytest.param(run_by("command: curl -u me:hunter2 https://x.example"), ["x.command"], id="for curl"),
        pytest.param(
            run_by("build: {context: ., args: {NPM_TOKEN: hunter2, DB_PASSWORD: hunter2}}"),
            ["x.build.args.NPM_TOKEN: NPM_TOKEN has a secret", "x.build.args.DB_PASSWORD"],
            id="arguments of the build",
        ),
        pytest.param(run_by("labels: {backup.password: hunter2}"), ["x.labels"], id="a label"),
        pytest.param(run_by("build: {context: ., args: {VERSION: '1', NPM_TOKEN: }}"), [], id="other arguments"),
        pytest.param(run_by("build: {context: ., args: {NPM_TOKEN: $NPM_TOKEN}}"), [], id="a variable as argument"),
        pytest.param(run_by("labels: {traefik.enable: 'true', a.token.path: /x}"), [], id="other labels"),
        pytest.param(run_by("command: redis-server --requirepass ${PW:?}"), [], id="a variable"),
        pytest.param(run_by("command: redis-server --requirepass $$PW"), [], id="a variable of the container"),
        pytest.param(run_by("command: ['sh', '-c', 'redis-server --requirepass \"$$PW\"']"), [], id="one in quotes"),
        pytest.param(run_by("command: ['sh', '-c', 'x --password $$(cat /run/secrets/x)']"), [], id="from a file"),
        pytest.param(run_by("healthcheck: {test: [CMD, redis-cli, ping]}"), [], id="no password"),
        pytest.param(run_by("healthcheck: {test: [CMD, redis-cli, -a, $PW, ping]}"), [], id="a variable in a check"),
        pytest.param(run_by("healthcheck: {test: mysqladmin ping -p$$PW}"), [], id="a variable for MySQL"),
        pytest.param(run_by("command: app --token-file /run/secrets/t --port 8080"), [], id="where it is"),
        pytest.param(run_by("command: app --token hunter2x", "profiles: [dev]"), [], id="for development"),
    ],
)
def test_passwords_in_what_a_service_runs_and_is_built_with(text: str, expected: list[str]) -> None:
    subject = compose(text)
    check("LP025", subject, expected)
    assert "hunter2" not in " ".join(told("LP025", subject))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param("docker-compose.dev.yml", 0, id="dev"),
        pytest.param("compose.override.yaml", 0, id="override"),
        pytest.param("local.yml", 0, id="local"),
        pytest.param("docker-compose.prod.yml", 1, id="prod"),
        pytest.param("docker-compose.latest.yml", 1, id="test inside a word"),
    ],
)
def test_files_for_development_by_their_names(name: str, count: int) -> None:
    assert len(told("LP025", compose(env("A_TOKEN: abc"), name=name))) == count


def test_what_an_env_file_says_is_not_written_in_the_compose_file() -> None:
    subject = compose(env("A_TOKEN: abc"))
    hidden = type(subject)(subject.project, subject.config, lambda _: None, subject.file_of, subject.repository)
    assert told("LP025", hidden) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(API, ["api: api has no memory limit"], id="none"),
        pytest.param(API + "    mem_limit: 64m\n", [], id="mem_limit"),
        pytest.param(API + "    mem_limit: 0\n", ["api"], id="0 is none"),
        pytest.param(API + "    deploy: {resources: {limits: {memory: 1g}}}\n", [], id="deploy"),
        pytest.param(API + "    deploy: {resources: {reservations: {memory: 1g}}}\n", ["api"], id="a reservation only"),
        pytest.param(API + "    deploy: {resources: {limits: {cpus: '1'}}}\n", ["api"], id="of processors only"),
        pytest.param(API + "    profiles: [tools]\n", [], id="a tool"),
        pytest.param(
            API
            + "  web:\n    image: w:1\n    mem_limit: 1g\n"
            + "    depends_on: {api: {condition: service_completed_successfully}}\n",
            [],
            id="a job",
        ),
    ],
)
def test_memory_limits(text: str, expected: list[str]) -> None:
    check("LP026", compose(text), expected)
    assert findings("LP026", compose(text, overlay="cpu")) == []


DIGEST = "@sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(service("mongo"), ["x.image: mongo names no tag, which means latest"], id="no tag"),
        pytest.param(service("mongo:latest"), ["x.image: mongo:latest has the tag latest"], id="latest"),
        pytest.param(service("mongo:${TAG:-latest}"), ["x.image: mongo:latest"], id="latest as a default"),
        pytest.param(
            service("mongo:${TAG}"), ["x.image: mongo names no tag, which means latest (mongo:${TAG}, "], id="no value"
        ),
        pytest.param(service("mongo:${TAG:-7.0}"), [], id="a version as a default"),
        pytest.param(service("redis:alpine"), ["x.image: redis:alpine"], id="a variant is no version"),
        pytest.param(service("nginx:stable"), [], id="a channel that is meant"),
        pytest.param(service(f"mongo{DIGEST}"), [], id="a digest"),
        pytest.param(service("localhost:5000/app"), ["x.image"], id="the port of a registry is no tag"),
        pytest.param("services:\n  x:\n    image: app\n    build: .\n", [], id="what is built"),
        pytest.param("services:\n  x: {image: app, build: .}\n  y: {image: app}\n", [], id="built by another service"),
        pytest.param("services:\n  x: {image: app, pull_policy: never}\n", [], id="never pulled"),
    ],
)
def test_pulled_images(text: str, expected: list[str]) -> None:
    check("LP028", compose(text), expected)


def test_a_digest_is_asked_for_where_it_is_configured() -> None:
    config = Config(policy=Policy(pin="digest"))
    check("LP028", compose(service("mongo:7.0"), config=config), ["x.image: mongo:7.0 names no digest"])
    check("LP028", compose(service(f"mongo:7.0{DIGEST}"), config=config), [])
