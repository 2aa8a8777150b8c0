"""The rules about what images hold and contexts send (LP014 to LP021) at their edges."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from layerproof.dockerfile import parse_dockerfile
from layerproof.model import Image
from layerproof.policy import BuildSubject, Place
from layerproof.settings import Config, Policy
from layerproof.workflow.images import link
from tests.unit.rules.subjects import ROOT, base_image, build, context, findings, lines

DIGEST = "sha256:" + "0" * 64
SERVICE = "services:\n  web:\n    build: ./web\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("FROM node:20\nUSER root\nRUN x\nUSER node\n", [], id="root in between only"),
        pytest.param("FROM node:20\nUSER node\nUSER root\n", [3], id="root again at the end"),
        pytest.param("FROM x:1\nUSER 0:0\n", [2], id="root by number, on an image that is not known"),
        pytest.param("FROM x:1\nUSER root:app\n", [2], id="root in another group"),
        pytest.param("FROM x:1\nUSER 1000:0\n", [], id="a user in root's group"),
        pytest.param("FROM x:1\nCMD x\n", [], id="an image that is not known"),
        pytest.param("FROM node:20 AS b\nUSER node\nFROM b\nRUN x\n", [], id="the user of an earlier stage"),
        pytest.param("FROM node:20 AS b\nUSER node\nFROM node:20\nCOPY --from=b /a /a\n", [3], id="a copied stage's"),
        pytest.param("FROM node:20 AS b\nUSER root\nFROM b\nRUN x\n", [2], id="root of an earlier stage"),
        pytest.param("FROM mcr.microsoft.com/dotnet/aspnet:8.0\nUSER $APP_UID\n", [], id="a user that upstream names"),
        pytest.param("FROM x:1\nARG UID=0\nUSER ${UID}\n", [3], id="an argument that is root"),
        pytest.param("FROM x:1\nARG UID=1000\nUSER ${UID}:${GID:-0}\n", [], id="an argument that is another user"),
        pytest.param("ARG U=app\nFROM node:20\nARG U\nUSER $U\n", [], id="a global argument"),
        pytest.param("FROM node:20\nENV U=app\nUSER ${U}\n", [], id="a variable"),
        pytest.param("FROM scratch\nCOPY app /\nENTRYPOINT ['/app']\n", [1], id="scratch has no user"),
        pytest.param("FROM node:20 AS b\nFROM scratch\nCOPY --from=b /out /\n", [], id="files to take out"),
        pytest.param("FROM gcr.io/distroless/static-debian12\nCMD ['/x']\n", [1], id="distroless starts as root"),
        pytest.param("FROM gcr.io/distroless/static-debian12:nonroot\nCMD ['/x']\n", [], id="distroless nonroot"),
        pytest.param("FROM mcr.microsoft.com/dotnet/aspnet:8.0\nCMD x\n", [1], id="dotnet"),
        pytest.param("FROM mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled\nCMD x\n", [], id="chiseled dotnet"),
        pytest.param("FROM nginxinc/nginx-unprivileged:1.27\n", [], id="an unprivileged image"),
        pytest.param("FROM cgr.dev/chainguard/node:latest\nCMD x\n", [], id="Chainguard"),
        pytest.param("FROM bitnami/node:20\nCMD x\n", [], id="Bitnami"),
        pytest.param("FROM nginx:1.27\nCOPY a /a\n", [], id="a web server that drops root itself"),
        pytest.param("FROM postgres:16\nCOPY a.sql /docker-entrypoint-initdb.d/\n", [], id="a data store"),
        pytest.param("FROM php:8.3-fpm\nCOPY . .\n", [], id="PHP-FPM drops root itself"),
        pytest.param("FROM php:8.3-fpm\nCMD php artisan serve\n", [1], id="PHP-FPM's image with another program"),
        pytest.param("FROM php:8.3-cli\nCMD ['php', 'x']\n", [1], id="PHP alone"),
        pytest.param("FROM alpine:3.20\nRUN apk add nginx\nCMD ['nginx']\n", [], id="nginx from a package"),
        pytest.param(
            "FROM debian:12\nRUN apt-get install -y gosu\nENTRYPOINT ['/e']\n", [], id="an entrypoint with gosu"
        ),
        pytest.param(
            "FROM debian:12\nCOPY --from=tianon/gosu:1 /gosu /\nENTRYPOINT ['/e']\n", [], id="gosu's own image"
        ),
        pytest.param("FROM debian:12\nRUN apt-get install -y curl\nENTRYPOINT ['/e']\n", [1], id="without gosu"),
        pytest.param("FROM docker.io/library/python:3.12\nCMD x\n", [1], id="the long name of an official image"),
        pytest.param(
            "FROM --platform=$BUILDPLATFORM golang:1.22 AS b\nFROM alpine:3.20\nCMD x\n", [2], id="two stages"
        ),
    ],
)
def test_lp014_by_dockerfile(text: str, expected: list[int]) -> None:
    assert lines("LP014", build(text)) == expected


NODE = "FROM node:20\nCMD x\n"


@pytest.mark.parametrize(
    ("compose", "expected"),
    [
        pytest.param("    user: '1000:1000'\n", [], id="a user of the compose file"),
        pytest.param("    user: '0:0'\n", [1], id="root of the compose file"),
        pytest.param("    command: nginx -g 'daemon off;'\n", [], id="a command that drops root"),
        pytest.param("    command: gosu app node x\n", [], id="a command with gosu"),
        pytest.param("    command: node x\n", [1], id="a command that does not"),
    ],
)
def test_lp014_by_compose(compose: str, expected: list[int]) -> None:
    assert lines("LP014", build(NODE, compose=SERVICE + compose)) == expected


def test_lp014_takes_a_variable_over_an_argument_and_follows_what_it_is_made_of() -> None:
    node = "FROM node:20\n"
    assert lines("LP014", build(f"{node}ENV APP_USER=app\nARG APP_USER=root\nUSER $APP_USER\n")) == []
    assert lines("LP014", build(f"{node}ARG U=root\nENV RUN_AS=$U\nUSER ${{RUN_AS}}\n")) == [4]


def test_lp014_follows_the_projects_own_bases() -> None:
    text = "FROM base:runtime\nCMD x\n"
    user = base_image("base", "FROM node:20\nUSER node\n", tag="runtime")
    onbuild = base_image("base", "FROM node:20\nONBUILD USER node\n", tag="runtime")
    root = base_image("base", "FROM node:20\nRUN x\nUSER root\n", tag="runtime")
    none = base_image("base", "FROM node:20\n", tag="runtime")
    assert lines("LP014", build(text, others=[user])) == lines("LP014", build(text, others=[onbuild])) == []
    assert lines("LP014", build(text, others=[root])) == lines("LP014", build(text, others=[none])) == [1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("FROM node\n", [1], id="no tag"),
        pytest.param("FROM registry.example:5000/team/app\n", [1], id="no tag behind a port"),
        pytest.param("FROM registry.example:5000/team/app:1.2\n", [], id="a tag behind a port"),
        pytest.param(f"FROM node@{DIGEST}\n", [], id="a digest"),
        pytest.param(f"FROM node:latest@{DIGEST}\n", [], id="a digest behind latest"),
        pytest.param("FROM scratch\n", [], id="scratch"),
        pytest.param("FROM node:20 AS a\nFROM a\nCOPY --from=a /x /x\nCOPY --from=0 /x /x\n", [], id="stages"),
        pytest.param("FROM node:20\nCOPY --from=busybox:latest /x /x\n", [2], id="a copied image"),
        pytest.param("FROM node:20\nRUN --mount=from=ghcr.io/astral-sh/uv,target=/uv x\n", [2], id="a mounted image"),
        pytest.param("FROM node:latest AS unused\nFROM node:20\n", [], id="a stage that is not built"),
        pytest.param("FROM node:lts-alpine\n", [1], id="lts moves between majors"),
        pytest.param("FROM node:lts-alpine3.19\n", [1], id="lts on a pinned distribution"),
        pytest.param("FROM node:lts-iron\n", [], id="the name of a line"),
        pytest.param("FROM node:alpine\n", [1], id="a variant alone"),
        pytest.param("FROM rustlang/rust:nightly-2024-05-01\n", [], id="a dated nightly"),
        pytest.param("FROM rustlang/rust:nightly-slim\n", [1], id="a nightly"),
        pytest.param("FROM debian:bookworm-slim\n", [], id="a distribution by its name"),
        pytest.param("FROM nginx:stable-alpine\n", [], id="a stable line"),
        pytest.param("FROM gcr.io/distroless/static-debian12\n", [], id="distroless has no versions"),
        pytest.param("FROM cgr.dev/chainguard/node:latest\n", [], id="neither has Chainguard"),
        pytest.param("ARG IMAGE=node:20\nFROM ${IMAGE}\n", [], id="an argument that is pinned"),
        pytest.param("ARG V=latest\nFROM node:${V}\n", [2], id="an argument that is not"),
    ],
)
def test_lp015_by_tag(text: str, expected: list[int]) -> None:
    assert lines("LP015", build(text)) == expected


def test_lp015_asks_for_digests_where_it_is_told_to() -> None:
    pinned = Config(policy=Policy(pin="digest"))
    text = f"FROM node:20 AS a\nFROM gcr.io/distroless/static\nCOPY --from=a /x /x\nCOPY --from=b@{DIGEST} /x /x\n"
    assert lines("LP015", build(text, config=pinned)) == [1, 2]


def test_lp015_does_not_speak_of_the_projects_own_images() -> None:
    base = base_image("base-node", "FROM node:20\n")
    assert lines("LP015", build("FROM base-node\n", others=[base])) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ARG NPM_TOKEN", [2], id="an argument without a value"),
        pytest.param("ARG A=1 DB_PASSWORD=x", [2], id="the second argument of a line"),
        pytest.param("ENV API_KEY=x1 B=2", [2], id="a variable"),
        pytest.param("ENV PASSWORD=", [], id="a variable that is emptied"),
        pytest.param('ENV PASSWORD ""', [], id="a variable that is emptied, the old form"),
        pytest.param("ENV DB_PASSWORD_FILE=/run/secrets/x", [], id="the file of one"),
        pytest.param("ENV DB_PASSWORD=/run/secrets/x", [], id="a value that is a path"),
        pytest.param("ENV DB_PASSWORD=$DB_PASSWORD", [2], id="the value of an argument"),
        pytest.param(
            "ENV TOKENIZERS_PARALLELISM=false KEYBOARD=us AUTHOR=me GPG_KEY=0AB PWD=/x", [], id="parts of words"
        ),
        pytest.param("ENV AWS_ACCESS_KEY_ID=x ACCESS_TOKEN_TTL=60 PASSWORD_MIN_LENGTH=8", [], id="about one"),
        pytest.param("ARG NEXT_PUBLIC_API_KEY VITE_MAPBOX_TOKEN JWT_PUBLIC_KEY SSH_PUBLIC_KEY", [], id="public ones"),
        pytest.param("ENV PASSWORD_RESET_TIMEOUT=60 TOKEN_BUCKET=x SECRET_MANAGER_PROJECT=y", [], id="more about one"),
        pytest.param("ENV API_KEY_PROD=x", [2], id="one of several"),
        pytest.param("ENV MYSQL_ALLOW_EMPTY_PASSWORD=yes", [], id="a switch"),
        pytest.param("ARG SECRET_KEY=dummy", [], id="a placeholder for the build"),
        pytest.param("ENV SECRET_KEY_BASE=abc", [2], id="Rails"),
        pytest.param("COPY .env ./", [2], id=".env"),
        pytest.param("COPY .env.production /app/.env", [2], id=".env.production"),
        pytest.param("COPY .env.example .env.sample .envrc ./", [], id="examples"),
        pytest.param("COPY package.json id_rsa ./", [2], id="an SSH key"),
        pytest.param("COPY id_rsa.pub /x/", [], id="a public SSH key"),
        pytest.param("COPY .ssh /root/.ssh", [2], id="a folder of keys"),
        pytest.param("COPY .ssh/known_hosts /root/.ssh/", [], id="known hosts"),
        pytest.param("COPY certs/server.key certs/server.crt /certs/", [2], id="a private key"),
        pytest.param("COPY certs/*.pem /certs/", [2], id="whatever PEM there is"),
        pytest.param(
            "COPY ca.pem rds-combined-ca-bundle.pem fullchain.pem truststore.jks /certs/", [], id="certificates"
        ),
        pytest.param("COPY privkey.pem /certs/", [2], id="a PEM that says it is a key"),
        pytest.param("COPY docker.gpg.key /etc/apt/keyrings/", [], id="a repository's key"),
        pytest.param("COPY kubeconfig credentials.json service-account-x.json /x/", [2, 2, 2], id="credentials"),
        pytest.param("COPY credentials.yml.enc /x/", [], id="credentials that are encrypted"),
        pytest.param("COPY .npmrc ./", [], id=".npmrc is mostly harmless"),
        pytest.param("COPY --from=b /root/.netrc /x", [], id="a file of another image"),
        pytest.param("RUN --mount=type=secret,id=t TOKEN=$(cat /run/secrets/t) npm ci", [], id="a mounted secret"),
        pytest.param("RUN git clone https://$TOKEN@github.com/x/y", [], id="an argument in an address"),
        pytest.param("RUN git clone https://x:${TOKEN}@github.com/x/y", [], id="the password from an argument"),
        pytest.param("RUN git clone https://me:hunter2@github.com/x/y", [2], id="a password in an address"),
        pytest.param("RUN curl http://localhost:80/a@b ssh://git@h:22/x", [], id="a port is no password"),
        pytest.param("RUN DATABASE_URL=postgres://a:b@localhost/x ./migrate", [], id="nobody's data base"),
        pytest.param("ENV DATABASE_URL=postgres://a:b4xx@db.example/x", [2], id="a data base's address"),
        pytest.param("RUN curl -H 'Authorization: Bearer abcdef123456' x", [2], id="a header"),
        pytest.param('RUN curl -H "Authorization: Bearer $TOKEN" x', [], id="a header with a variable"),
        pytest.param("RUN echo //r/:_authToken=0123456789ab >> .npmrc", [2], id="a token of npm"),
        pytest.param("RUN echo '//r/:_authToken=${NPM_TOKEN}' >> .npmrc", [], id="npm's own variable"),
        pytest.param("RUN npm config set //r/:_authToken abcdef0123", [2], id="a token that npm is told"),
        pytest.param("RUN aws --key AKIA0123456789ABCDEF", [2], id="an AWS key"),
        pytest.param("RUN echo AKIAIOSFODNN7EXAMPLE", [], id="the key of AWS's own documentation"),
        pytest.param("ENV X=ghp_0123456789abcdef0123456789abcdef0123", [2], id="a GitHub token by its value"),
        pytest.param("ENV X=sk_live_0123456789abc", [2], id="a Stripe key"),
        pytest.param("COPY <<EOF /k\n-----BEGIN RSA PRIVATE KEY-----\nabc\nEOF", [2], id="a key in a here-document"),
        pytest.param("RUN <<EOF\nset -e\ncurl https://a:b@x.example\nEOF", [2], id="a here-document of a RUN"),
        pytest.param("COPY", [], id="a COPY of nothing, which BuildKit refuses"),
        pytest.param("RUN grep -q -----BEGIN\\ PRIVATE x", [], id="words about a key"),
        pytest.param("ARG GITHUB_PAT GH_PAT NUGET_PAT FEED_ACCESSTOKEN", [2] * 4, id="tokens by other names"),
        pytest.param("ARG NPM_AUTH COMPOSER_AUTH SSH_KEY", [2] * 3, id="logins and keys by other names"),
        pytest.param("ARG PATH COMPAT FILE_PAT PATCH AUTH_MODE SSH_KEY_PATH", [], id="words that only look like it"),
        pytest.param("RUN export DB_PASSWORD=hunter2hunter2 && ./x", [2], id="a password that is exported"),
        pytest.param("RUN DB_PASSWORD='hunter2hunter2' ./x", [2], id="a password for one command"),
        pytest.param("RUN docker login -u a -p hunter2hunter2 reg", [2], id="a login"),
        pytest.param("RUN sshpass -p hunter2 scp a b:", [2], id="a password for ssh"),
        pytest.param("RUN wget --password=hunter2 https://x.example/y", [2], id="a password for wget"),
        pytest.param("RUN echo 'root:hunter2hunter2' | chpasswd", [2], id="the password of root"),
        pytest.param('RUN echo "machine x.example login a password hunter2" > ~/.netrc', [2], id="a line of .netrc"),
        pytest.param('RUN echo "machine x.example login a password $PW" > ~/.netrc', [], id="a variable in one"),
        pytest.param("RUN mysql -uroot -phunter2 < x.sql", [2], id="a password for MySQL"),
        pytest.param('RUN ["sshpass", "-p", "hunter2", "ssh", "x"]', [2], id="in exec form"),
        pytest.param("HEALTHCHECK CMD redis-cli -a hunter2 ping", [2], id="a password in a health check"),
        pytest.param('CMD ["redis-server", "--requirepass", "hunter2"]', [2], id="a password at the start"),
        pytest.param('HEALTHCHECK CMD redis-cli -a "$REDIS_PASSWORD" ping', [], id="a variable in a health check"),
        pytest.param("CMD redis-server --requirepass $PW", [], id="a variable at the start"),
        pytest.param("RUN SECRET_KEY_BASE=dummy rake assets:precompile", [], id="a stand-in"),
        pytest.param("RUN SECRET_KEY=build-only-1 ./manage.py collectstatic", [], id="a stand-in for a build"),
        pytest.param("RUN SECRET_KEY=notsecret ./manage.py collectstatic", [], id="words for a secret"),
        pytest.param("RUN export DB_PASSWORD=$(cat /run/secrets/db) && ./x", [], id="the value from a mount"),
        pytest.param('RUN docker login -u a -p "$TOKEN" reg', [], id="a login with a variable"),
        pytest.param("RUN docker login -u a --password-stdin reg < /run/secrets/x", [], id="a login from a mount"),
        pytest.param("RUN adduser --disabled-password appuser", [], id="a user without a password"),
        pytest.param('RUN echo "root:$PW" | chpasswd', [], id="a password from a variable"),
        pytest.param("RUN echo 'app:$6$abc$def' | chpasswd -e", [], id="a hash of a password"),
        pytest.param("RUN mysql -h db -P 3306 && mkdir -p /data", [], id="ports and folders"),
    ],
)
def test_lp016(text: str, expected: list[int]) -> None:
    assert lines("LP016", build(f"FROM x:1\n{text}\n")) == expected


def test_lp016_never_tells_the_value() -> None:
    text = "FROM x:1\nARG DB_PASSWORD=hunter2\nENV TOKEN=hunter2\nRUN curl https://me:hunter2@x.example\n"
    found = findings("LP016", build(text))
    assert [where for where, _ in found] == [2, 3, 4]
    assert not any("hunter2" in message for _, message in found)


def test_lp016_is_silent_about_stages_that_are_not_built() -> None:
    assert lines("LP016", build("FROM x:1 AS a\nARG TOKEN\nFROM x:1\n")) == []


BIG = {"docs/talk.mp4": 4_000_000, "docs/a.png": 3_000, "src/main.js": 9_000}


@pytest.mark.parametrize(
    ("copied", "files", "words"),
    [
        pytest.param("COPY src ./src", BIG, ["2 files (4.0 MB)"], id="files that no step takes"),
        pytest.param("COPY docs/*.mp4 src ./", BIG, [], id="a pattern takes the big one"),
        pytest.param("RUN --mount=type=bind,source=docs,target=/d x", BIG, [], id="a mount takes it"),
        pytest.param("RUN --mount=type=bind,target=/d x", BIG, [], id="a mount takes everything"),
        pytest.param("COPY . .", BIG, [], id="everything is taken"),
        pytest.param("RUN x", BIG, [], id="a build that takes nothing is sent nothing"),
        pytest.param("COPY src .", {"package-lock.json": 900_000, "Dockerfile": 900_000}, [], id="manifests"),
        pytest.param("COPY src .", {"docs/": 900_000}, [], id="an empty folder"),
        pytest.param("COPY src .", {"a.md": 100_000}, [], id="as much as is allowed"),
        pytest.param("COPY --exclude=docs . .", BIG, ["2 files"], id="what a copy leaves out"),
        pytest.param("COPY . .", {"node_modules/a/b.js": 900_000}, ["node_modules (900 kB)"], id="dependencies"),
        pytest.param("COPY . .", {".git/objects/ab": 900_000}, [".git (900 kB)"], id="history"),
        pytest.param("COPY . .\nRUN git describe --tags", {".git/objects/ab": 900_000}, [], id="history that is read"),
        pytest.param("COPY . .", {"e/pyvenv.cfg": 1, "e/lib/x.so": 900_000}, ["e (900 kB)"], id="a virtualenv"),
        pytest.param("COPY . .", {"target/a.jar": 900_000, "pom.xml": 1}, ["target (900 kB)"], id="Maven's output"),
        pytest.param("COPY . .", {"target/a.jpg": 900_000}, [], id="a folder that is called target"),
        pytest.param("COPY . .\nCOPY target/a.jar /", {"target/a.jar": 900_000, "pom.xml": 1}, [], id="output in use"),
        pytest.param("COPY . .", {"backup.tar.gz": 900_000}, ["backup.tar.gz"], id="an archive"),
        pytest.param("COPY . .", {"db/structure.sql": 900_000}, [], id="a schema"),
        pytest.param("COPY . .", {".yarn/cache/a.zip": 900_000}, [], id="Yarn's cache in the repository"),
        pytest.param("COPY . .", {"src/world.zip": 900_000}, [], id="an archive among the source"),
        pytest.param("COPY . .", {"core.4711": 900_000}, ["core.4711"], id="a core dump"),
    ],
)
def test_lp018(copied: str, files: dict[str, int], words: list[str]) -> None:
    found = findings("LP018", context("", files=files, dockerfile=f"FROM x:1\n{copied}\n"))
    assert [where for where, _ in found] == [1] * len(words)
    assert all(word in message for word, (_, message) in zip(words, found, strict=True))


def test_lp018_names_the_three_largest_and_obeys_the_limit() -> None:
    files = {f"{name}.bin": size * 1000 for name, size in (("a", 10), ("b", 40), ("c", 30), ("d", 20))}
    text = "FROM x:1\nCOPY src .\n"
    assert findings("LP018", context("", files=files, dockerfile=text)) == []
    strict = Config(policy=Policy(unused_context_kb=50))
    [(_, message)] = findings("LP018", context("", files=files, dockerfile=text, config=strict))
    assert message.endswith("b.bin (40 kB), c.bin (30 kB), d.bin (20 kB)")


def test_lp018_is_fast_for_fifty_thousand_files() -> None:
    files = {f"pkg{n % 50}/folder{n % 997}/file{n}.js": 100 for n in range(50_000)}
    copies = "".join(f"COPY pkg{n} /{n}\n" for n in range(40)) + "COPY pkg4?/*.json package*.json /x/\n"
    began = time.perf_counter()
    assert len(findings("LP018", context("", files=files, dockerfile=f"FROM x:1\n{copies}"))) == 1
    assert time.perf_counter() - began < 5


def test_lp019_tells_each_stray_and_what_holds() -> None:
    strays = ["docker/.dockerignore", "sub/.dockerignore"]
    found = findings("LP019", context("a\n", strays=strays))
    assert [where for where, _ in found] == [Place(ROOT / stray, 1) for stray in strays]
    assert all(".dockerignore holds instead" in message for _, message in found)


def test_lp019_says_where_no_file_holds() -> None:
    [(_, message)] = findings("LP019", context(None, strays=["x/.dockerignore"]))
    assert "none holds" in message


def test_lp019_is_silent_without_strays() -> None:
    assert findings("LP019", context("a\n")) == findings("LP019", context(None)) == []


def service_image(name: str, text: str = "FROM x:1\n") -> Image:
    folder = ROOT / name
    file = parse_dockerfile(text, path=folder / "Dockerfile")
    return Image(name, f"{name}:latest", "service", folder, file, None, service=name)


USERS = (service_image("backend", "FROM web\n"), service_image("pose-service", "FROM web\n"))


def base(
    text: str, *others: Image, files: tuple[str, ...] = (), contexts: dict[str, str] | None = None
) -> BuildSubject:
    """The subject of the base `web:latest`."""
    subject = build(text, role="base", others=others, files=files)
    return replace(subject, image=replace(subject.image, contexts=contexts or subject.image.contexts))


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        pytest.param("COPY src ./src", ("src/a.js",), [2], id="a folder of source"),
        pytest.param("COPY . .", ("package.json", "a/b.go"), [2], id="everything, with source in it"),
        pytest.param("COPY . .", ("package.json", "trim.sh", "a.conf"), [], id="everything, without source"),
        pytest.param("COPY package.json package-lock.json ./", ("package.json",), [], id="manifests"),
        pytest.param("ADD server.py /srv/", ("server.py",), [2], id="one program"),
        pytest.param("COPY check.py /opt/\nRUN python /opt/check.py", ("check.py",), [], id="a program the build runs"),
        pytest.param("COPY tools /t\nRUN python /t/a.py", ("tools/a.py", "tools/b.py"), [], id="and what it imports"),
        pytest.param(
            "COPY tools /opt/tools\nRUN pip install /opt/tools", ("tools/a.py",), [], id="a folder it installs"
        ),
        pytest.param("RUN --mount=source=shrink.py,target=/s.py python /s.py", ("shrink.py",), [], id="a mount"),
        pytest.param("COPY trim.sh /usr/local/share/", ("trim.sh",), [], id="a shell script"),
        pytest.param("COPY wait.py /usr/local/bin/", ("wait.py",), [], id="a tool on the path"),
        pytest.param("COPY rootfs /", ("rootfs/usr/bin/x.py", "rootfs/etc/x.conf"), [], id="tools of a whole tree"),
        pytest.param("COPY gunicorn.conf.py /etc/", ("gunicorn.conf.py",), [], id="configuration that is a program"),
        pytest.param(
            "COPY start.py /\nENTRYPOINT ['/start.py']", ("start.py",), [], id="what every container starts with"
        ),
        pytest.param("COPY app.py /\nCMD python app.py", ("app.py",), [2], id="the program of one service"),
        pytest.param("COPY lib /usr/lib", ("lib/libx.so",), [], id="a folder of libraries"),
        pytest.param("COPY --from=x /app /app", ("app/a.py",), [], id="a copy from an image"),
        pytest.param("ADD https://github.com/x/y.git /src", ("src/a.py",), [], id="a source that is fetched"),
        pytest.param("COPY src ./src", (), [2], id="a folder of which nothing is known"),
    ],
)
def test_lp020_by_copies(text: str, files: tuple[str, ...], expected: list[int]) -> None:
    assert lines("LP020", base(f"FROM x:1\n{text}\n", *USERS, files=files)) == expected


def test_lp020_leaves_a_program_alone_that_nothing_stands_on() -> None:
    text = "FROM x:1\nCOPY app.py /\nCMD python app.py\n"
    assert lines("LP020", base(text, files=("app.py",))) == []
    assert lines("LP020", base(text, *USERS, files=("app.py",))) == [2]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        pytest.param("api", [2], id="the context of a service"),
        pytest.param("api/src", [2], id="a folder in it"),
        pytest.param(".", [2], id="a folder around it"),
        pytest.param("sources/x", [], id="a folder beside it"),
        pytest.param("apis", [], id="a folder with a longer name"),
    ],
)
def test_lp020_by_named_contexts(folder: str, expected: list[int]) -> None:
    text = "FROM x:1\nCOPY --from=other a /a\n"
    subject = base(text, service_image("api"), contexts={"other": str(ROOT / folder)})
    assert lines("LP020", subject) == expected


def test_lp020_by_the_images_and_contexts_of_services() -> None:
    assert lines("LP020", base("FROM x:1\nCOPY --from=api /a /a\n", service_image("api"))) == [2]
    assert lines("LP020", base("FROM x:1\nRUN x\n", service_image("web/api"))) == [1]
    whole = replace(service_image("api"), context=ROOT)
    assert lines("LP020", base("FROM x:1\nCOPY --from=o a /a\n", whole, contexts={"o": str(ROOT / "sources")})) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("EXPOSE 80\nHEALTHCHECK CMD true", [2, 3], id="a port and a health check"),
        pytest.param("HEALTHCHECK NONE", [], id="a health check that is switched off"),
        pytest.param("WORKDIR /srv/backend", [2], id="the folder of a service"),
        pytest.param("WORKDIR /srv/backends", [], id="a longer word"),
        pytest.param('CMD ["node", "backend/server.js"]', [2], id="the program of a service"),
        pytest.param("ENV HOME=/var/pose-service", [2], id="a variable"),
        pytest.param("ENV BACKEND_URL=http://backend:80/x", [], id="the address of a service"),
        pytest.param('CMD ["start", "backend", "pose-service"]', [], id="every service"),
        pytest.param("COPY requirements-backend.txt /", [2], id="the manifest of a service"),
        pytest.param("COPY requirements.txt /", [], id="a manifest"),
        pytest.param("RUN mkdir /srv/backend", [], id="what a step runs"),
        pytest.param("EXPOSE 80\nFROM x:1\nWORKDIR /app", [], id="a stage that only copies are taken from"),
        pytest.param("EXPOSE 80\nFROM a", [2], id="a stage that the base is laid over"),
    ],
)
def test_lp021(text: str, expected: list[int]) -> None:
    assert lines("LP021", base(f"FROM x:1 AS a\n{text}\n", *USERS)) == expected


def test_lp021_leaves_a_base_of_one_service_alone() -> None:
    text = "FROM x:1\nEXPOSE 80\nWORKDIR /srv/backend\n"
    assert lines("LP021", base(text)) == lines("LP021", base(text, USERS[0], service_image("other"))) == []
    assert lines("LP021", base(text, *USERS)) == [2, 3]


def test_lp021_counts_the_services_of_both_tags_and_of_other_bases() -> None:
    text = "FROM x:1 AS build\nFROM x:1 AS runtime\nEXPOSE 80\n"
    subject = base(text, service_image("a", "FROM web\n"), service_image("b", "FROM upper\n"))
    upper = base_image("upper", "FROM web\n")
    images = link([*subject.project.images, upper])
    assert lines("LP021", replace(subject, project=replace(subject.project, images=tuple(images)))) == [3]
