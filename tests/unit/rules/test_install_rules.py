"""The rules on where and when dependencies are installed: LP011, LP012, LP013, LP029, LP030; and mending LP011."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerproof.dockerfile import parse_dockerfile
from layerproof.model import Instruction
from layerproof.policy import BuildSubject
from layerproof.policy.lp011_cache_mount import mend
from tests.unit.rules.subjects import ROOT, base_image, build, findings, lines

NODE = "FROM node:20-slim AS deps\nCOPY package.json package-lock.json ./\n"
PIP = "FROM python:3.12-slim AS deps\nCOPY requirements.txt ./\n"
GO = "FROM golang:1.22 AS build\nCOPY go.mod go.sum ./\n"
GO_CACHES = "--mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build"
STATIC = "FROM gcr.io/distroless/static:nonroot\nCOPY --from=build /app /app\n"
BASE_TEXT = "FROM node:20-slim AS build\nFROM scratch AS runtime\nCOPY --from=build / /\n"
BASES = (
    base_image("base-node", BASE_TEXT, target="build"),
    base_image("base-node", BASE_TEXT, tag="runtime", target="runtime"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{NODE}RUN npm ci\n", [3], id="npm"),
        pytest.param(f"{NODE}RUN corepack enable && pnpm install --frozen-lockfile\n", [3], id="pnpm"),
        pytest.param(f'{NODE}RUN ["npm", "ci"]\n', [3], id="the exec form"),
        pytest.param(f"{NODE}RUN <<EOF\nset -e\nnpm ci\nEOF\n", [3], id="a here-document"),
        pytest.param(f"{NODE}RUN --mount=type=cache,target=/root/.npm npm ci\n", [], id="npm with its cache"),
        pytest.param(f"{NODE}RUN --mount=type=cache,id=n,dst=/n npm ci --cache /n\n", [], id="a cache anywhere"),
        pytest.param(f"{NODE}RUN --mount=type=cache,target=/root/.cache/pip npm ci\n", [3], id="another tool's cache"),
        pytest.param(f"{NODE}RUN --mount=type=cache,target=/home/node/.npm npm ci\n", [], id="npm's in another home"),
        pytest.param(f"{NODE}RUN --mount=type=cache,target=/var/cache/apt npm ci\n", [3], id="apt's cache only"),
        pytest.param(f"{NODE}RUN --mount=type=bind,target=/src npm ci\n", [3], id="a mount that is no cache"),
        pytest.param(f"{NODE}RUN npm install -g pnpm@9 && npm i --location=global serve\n", [], id="tools by name"),
        pytest.param(f"{PIP}RUN pip install --no-cache-dir uv poetry\n", [], id="pip installs an installer"),
        pytest.param(f"{NODE}RUN npm prune --omit=dev && npm run build\n", [], id="npm that installs nothing"),
        pytest.param(f"{NODE}RUN apt-get update && apt-get install -y git\n", [], id="system packages"),
        pytest.param(f"{NODE}RUN curl -fsSLO https://example.org/x.tgz\n", [], id="a download"),
        pytest.param(f"{PIP}RUN pip install --no-index --find-links=/w -r requirements.txt\n", [], id="wheels only"),
        pytest.param(f"{PIP}COPY wheels /wheels\nRUN pip install /wheels/*.whl\n", [], id="wheels by name"),
        pytest.param(f"{NODE}RUN npm ci --offline\n", [], id="npm from a cache that is copied"),
        pytest.param(f"{PIP}RUN pip install --no-cache-dir -r requirements.txt\n", [3], id="pip that keeps nothing"),
        pytest.param(
            f"{PIP}RUN --mount=type=cache,target=/root/.cache/pip pip install --no-cache-dir -r requirements.txt\n",
            [3],
            id="a cache that a flag turns off",
        ),
        pytest.param(
            f"{PIP}ENV PIP_NO_CACHE_DIR=1\nRUN --mount=type=cache,target=/c pip install -r requirements.txt\n",
            [4],
            id="a cache that a variable turns off",
        ),
        pytest.param(
            f"{PIP}ENV PIP_NO_CACHE_DIR=1\nRUN --mount=type=cache,target=/c poetry install --no-root\n",
            [],
            id="a variable of another tool",
        ),
        pytest.param(
            f"{PIP}RUN --mount=type=cache,target=/root/.npm pip install --no-cache-dir -r requirements.txt && npm ci\n",
            [],
            id="a cache that the other tool of the step uses",
        ),
        pytest.param(f"{GO}COPY . .\nRUN CGO_ENABLED=0 go build -o /app .\n{STATIC}", [4], id="go build alone"),
        pytest.param(f"{GO}RUN go mod download\nCOPY . .\nRUN go build -o /app .\n{STATIC}", [3], id="told once"),
        pytest.param(
            f"{GO}RUN {GO_CACHES} go mod download\nCOPY . .\nRUN go build -o /app .\n{STATIC}",
            [5],
            id="go build without the cache that go mod download filled",
        ),
        pytest.param(
            f"{GO}RUN {GO_CACHES} go mod download\nCOPY . .\nRUN {GO_CACHES} go build -o /app .\n{STATIC}",
            [],
            id="go with its caches",
        ),
        pytest.param(f"{GO}COPY . .\nRUN go build -mod=vendor -o /app .\n{STATIC}", [], id="go from its vendor folder"),
        pytest.param("FROM x AS b\nRUN ansible-galaxy install -r r.yml\nFROM y\n", [], id="a tool without a cache"),
    ],
)
def test_installs_without_a_cache(text: str, expected: list[int]) -> None:
    assert lines("LP011", build(text, files=("go.mod", "go.sum", "main.go", "package.json", "src/a.js"))) == expected


SHIP = "FROM node:20-slim AS runtime\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"{NODE}RUN npm ci\n{SHIP}COPY package*.json ./\nRUN npm ci --omit=dev\n", [], id="nothing shared"
        ),
        pytest.param(
            f"{NODE}RUN npm ci\n{SHIP}COPY --from=deps /node_modules ./node_modules\nRUN npm ci --omit=dev\n",
            [6],
            id="in the stage that ships",
        ),
        pytest.param(
            f"{PIP}RUN pip wheel -w /w -r requirements.txt\nFROM python:3.12-slim\nCOPY --from=deps /w /w\n"
            "RUN pip install --no-cache /w/*\n",
            [],
            id="wheels of another stage",
        ),
        pytest.param(
            f"{PIP}RUN pip wheel -w /w -r requirements.txt\nFROM python:3.12-slim\nCOPY requirements.txt .\n"
            "RUN --mount=from=deps,source=/w,target=/w pip install --no-index --find-links=/w -r requirements.txt\n",
            [],
            id="wheels of a mount",
        ),
        pytest.param(
            f"{PIP}RUN pip install -t /d -r requirements.txt\nFROM python:3.12-slim\nCOPY --from=deps /d /d\n"
            "COPY . .\nRUN pip install --no-deps .\n",
            [],
            id="the project without its dependencies",
        ),
        pytest.param(
            f"{PIP}RUN pip install -t /d -r requirements.txt\nFROM python:3.12-slim\nCOPY --from=deps /d /d\n"
            "COPY . .\nRUN pip install .\n",
            [7],
            id="the project with what it lacks",
        ),
        pytest.param(
            f"{PIP}RUN pip install -t /d -r requirements.txt\nFROM python:3.12-slim\nCOPY --from=deps /d /d\n"
            "RUN pip install gunicorn==22.0.0\n",
            [6],
            id="a package by name",
        ),
        pytest.param(
            f"{PIP}RUN pip install -t /d -r requirements.txt\nFROM python:3.12-slim\nCOPY --from=deps /d /d\n"
            "RUN pip install --upgrade pip setuptools\n",
            [],
            id="a newer pip",
        ),
        pytest.param(
            f"{NODE}RUN npm ci\n{SHIP}COPY --from=deps /node_modules ./node_modules\nRUN npm i -g serve\n",
            [],
            id="a tool on the path",
        ),
        pytest.param(f"{NODE}RUN npm ci\n", [], id="a single stage is LP001's"),
        pytest.param(
            f"{NODE}RUN npm ci\nFROM deps AS dev\nRUN npm i\nRUN apt-get install -y make\n",
            [],
            id="a stage for development",
        ),
        pytest.param(
            f"{NODE}RUN npm ci\nFROM deps AS build\nRUN npm ci\n{SHIP}COPY --from=build /d /d\n",
            [5],
            id="in the build stage once more",
        ),
        pytest.param(
            "FROM node:20-slim AS prod-deps\nRUN npm ci --omit=dev\nFROM node:20-slim AS build\nRUN npm ci\n"
            f"{SHIP}COPY --from=build /d /d\nCOPY --from=prod-deps /n /n\n",
            [],
            id="another set of packages in the build stage",
        ),
        pytest.param(
            "FROM node:20-slim AS api-deps\nRUN npm ci\nFROM node:20-slim AS web-builder\nRUN npm ci\n"
            f"{SHIP}COPY --from=web-builder /d /d\nCOPY --from=api-deps /n /n\n",
            [],
            id="another program in the build stage",
        ),
        pytest.param(
            f"{PIP}RUN uv sync --frozen --no-install-project\nFROM deps AS build\nCOPY . .\nRUN uv sync --frozen\n"
            "FROM python:3.12-slim\nCOPY --from=build /app /app\n",
            [],
            id="the project itself in the build stage",
        ),
        pytest.param(
            f"{NODE}RUN npm ci\nFROM node:20-slim AS build\nRUN pip install -r requirements.txt\n{SHIP}"
            "COPY --from=build /d /d\nCOPY --from=deps /n /n\n",
            [],
            id="another package manager in the build stage",
        ),
    ],
)
def test_installs_in_the_wrong_stage(text: str, expected: list[int]) -> None:
    assert lines("LP012", build(text)) == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("RUN apt-get update && apt-get install -y gcc libpq-dev curl", "gcc, libpq-dev", id="apt"),
        pytest.param("RUN dnf install -y openssl-devel-3.0 make", "make", id="dnf"),
        pytest.param("RUN apk add --no-cache nodejs npm", "npm", id="npm on alpine"),
        pytest.param("RUN apk add --no-cache libpq git ca-certificates nodejs openjdk17-jre", "", id="no tools"),
        pytest.param("RUN apk add --virtual .b gcc musl-dev && pip install -r r && apk del .b", "", id="apk del"),
        pytest.param(
            "RUN apt-get install -y g++ && make && apt-get purge -y --auto-remove g++", "", id="apt-get purge"
        ),
        pytest.param(
            "RUN apt-get install -y g++ && apt-get autoremove -y", "g++", id="autoremove leaves what was asked for"
        ),
        pytest.param(
            "RUN apt-get install -y libzip-dev && docker-php-ext-install zip", "", id="headers of a php image"
        ),
        pytest.param(
            "RUN apt-get install -y libzip-dev npm && docker-php-ext-install zip", "npm", id="npm in a php image"
        ),
        pytest.param(
            "RUN apt-get install -y gcc=4:12 make cmake cargo maven", "gcc, make, cmake, cargo, ...", id="many of them"
        ),
    ],
)
def test_build_tools_that_stay(text: str, names: str) -> None:
    [*found] = findings("LP012", build(f'FROM debian:12-slim\nWORKDIR /x\n{text}\nCMD ["/x"]\n'))
    assert [(where, message.rpartition(": ")[2]) for where, message in found] == ([(3, names)] if names else [])


def test_build_tools_of_the_stage_that_the_last_one_starts_from_ship_too() -> None:
    text = "FROM debian:12-slim AS base\nRUN apt-get install -y gcc\nFROM base AS build\nRUN make\nFROM base\n"
    assert lines("LP012", build(f"{text}COPY --from=build /a /a\n")) == [2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "FROM base-node:latest AS deps\nFROM base-node:latest\n", "base-node:runtime is for", id="our base"
        ),
        pytest.param("FROM base-node AS base\nFROM base\n", "by way of stage base", id="our base by way of a stage"),
        pytest.param("FROM base-node:latest AS build\nFROM base-node:runtime\n", "", id="our base's runtime"),
        pytest.param("FROM golang:1.22\nCOPY app /app\n", "golang:1.22", id="go"),
        pytest.param("FROM docker.io/library/node:20@sha256:aa\n", "toolchain", id="with a registry and a digest"),
        pytest.param("FROM mirror.gcr.io/library/rust:1-slim\n", "toolchain", id="by way of a mirror"),
        pytest.param("FROM node@sha256:aa\n", "", id="a digest alone"),
        pytest.param("FROM node:20-bookworm-slim\n", "", id="node slim"),
        pytest.param("FROM node:20-alpine3.20\n", "", id="node on alpine"),
        pytest.param("FROM python:3.12\n", "toolchain", id="python"),
        pytest.param("FROM python:3.12-windowsservercore\n", "", id="python on Windows"),
        pytest.param("FROM php:8.3-fpm\n", "", id="php keeps its compilers"),
        pytest.param("FROM eclipse-temurin:21\n", "toolchain", id="a JDK"),
        pytest.param("FROM eclipse-temurin:21-jre-alpine\n", "", id="a JRE"),
        pytest.param("FROM amazoncorretto:17-al2023-headless\n", "", id="a JDK without its tools"),
        pytest.param("FROM mcr.microsoft.com/dotnet/sdk:8.0\n", "toolchain", id="the .NET SDK"),
        pytest.param("FROM mcr.microsoft.com/dotnet/aspnet:8.0\n", "", id="ASP.NET"),
        pytest.param("FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\n", "toolchain", id="CUDA to compile with"),
        pytest.param("FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\n", "", id="CUDA to run with"),
        pytest.param("FROM docker:27-dind\n", "", id="Docker in Docker"),
        pytest.param("FROM example/golang:1\n", "", id="an image of somebody else"),
        pytest.param("FROM node:20\nRUN npm ci\n", "", id="one stage that installs is LP001's"),
        pytest.param("FROM golang:1.22 AS dev\n", "", id="a stage for development"),
        pytest.param("FROM alpine AS base\nRUN apk add tini\nFROM base AS runtime\n", "", id="a stage with a library"),
        pytest.param(
            "FROM a AS deps\nRUN npm ci\nFROM deps AS build\nFROM build\n", "stage deps runs `npm ci`", id="installs"
        ),
        pytest.param("FROM a AS build\nCOPY . .\nRUN make\nFROM build\n", "stage build runs `make`", id="compiles"),
        pytest.param("FROM a AS base\nRUN npm i -g pm2\nFROM base\n", "", id="a tool in a stage below"),
    ],
)
def test_what_ships_starts_from(text: str, words: str) -> None:
    found = findings("LP013", build(text, others=BASES))
    last = max(n for n, line in enumerate(text.splitlines(), 1) if line.startswith("FROM"))
    assert [where for where, _ in found] == ([last] if words else [])
    assert all(words in message for _, message in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{NODE}ARG GIT_SHA\nRUN npm ci\n", [3], id="the commit"),
        pytest.param(f"{NODE}ARG VITE_COMMIT_HASH=dev\nRUN npm ci\n", [3], id="the commit with a prefix and a default"),
        pytest.param(f"{NODE}ARG A=1 BUILD_DATE\nRUN apt-get install -y git\n", [3], id="the date, system packages"),
        pytest.param(f"{NODE}ARG CACHEBUST=1\nRUN npm ci\nRUN npm ci --omit=dev\n", [3], id="told once"),
        pytest.param(f"{NODE}ARG VALUE\nENV GIT_COMMIT=$VALUE\nRUN npm ci\n", [4], id="a variable made of an argument"),
        pytest.param(f"{NODE}ARG GIT_SHA\nENV COMMIT=${{GIT_SHA}}\nRUN npm ci\n", [3], id="its repetition is not told"),
        pytest.param(f"{NODE}ENV COMMIT=unknown\nRUN npm ci\n", [], id="a fixed value"),
        pytest.param(f"{NODE}RUN npm ci\nARG GIT_SHA\nRUN npm run build\n", [], id="below the install"),
        pytest.param(f"{NODE}RUN npm ci\nFROM x\nARG GIT_SHA\nLABEL r=$GIT_SHA\n", [], id="in another stage"),
        pytest.param(f"ARG GIT_SHA\n{NODE}RUN npm ci\n", [], id="above FROM only"),
        pytest.param(f"ARG GIT_SHA=x\n{NODE}ARG GIT_SHA\nRUN npm ci\n", [4], id="above FROM and in the stage"),
        pytest.param("FROM a AS base\nARG BUILD_ID\nFROM base\nRUN npm ci\n", [2], id="in the stage below"),
        pytest.param(
            f"{NODE}ARG NODE_VERSION APP_VERSION BUILD_TYPE COMMITLINT_VERSION LLVM_COMMIT\nRUN npm ci\n",
            [],
            id="names that only look like it",
        ),
        pytest.param(
            "FROM a AS b\nARG GIT_COMMIT\nRUN apk add git\nRUN git clone x && git checkout $GIT_COMMIT\nFROM y\n",
            [],
            id="what is fetched of another project",
        ),
        pytest.param(f"{NODE}ARG SOURCE_COMMIT=8f2a1c09d\nRUN npm ci\n", [], id="a pin"),
        pytest.param(
            f"{GO}RUN go mod download\nARG GIT_SHA\nCOPY . .\nRUN go build -ldflags=$GIT_SHA\n",
            [],
            id="where it is used",
        ),
        pytest.param(f"{GO}COPY . .\nARG GIT_SHA\nRUN go build -ldflags=$GIT_SHA\n", [], id="it cannot go below"),
    ],
)
def test_arguments_that_change_every_build(text: str, expected: list[int]) -> None:
    assert lines("LP029", build(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("CMD npm install && npm start\n", [2], id="the shell form"),
        pytest.param('CMD ["sh", "-c", "npm install && npm start"]\n', [2], id="a shell in the exec form"),
        pytest.param('CMD ["npm", "start"]\n', [], id="a start"),
        pytest.param('CMD ["bash"]\n', [], id="a shell"),
        pytest.param("CMD pip install x\nCMD python app.py\n", [], id="a CMD that does not hold"),
        pytest.param('ENTRYPOINT ["yarn"]\nCMD ["start"]\n', [], id="yarn with a verb in CMD"),
        pytest.param('ENTRYPOINT ["npm"]\nCMD ["ci"]\n', [3], id="npm with a verb in CMD"),
        pytest.param('ENTRYPOINT ["sh", "-c"]\nCMD ["npm ci; node ."]\n', [3], id="a script in CMD"),
        pytest.param('ENTRYPOINT ["tini", "--"]\nCMD ["npm", "ci"]\n', [3], id="behind tini"),
        pytest.param("ENTRYPOINT npm ci && node .\nCMD npm ci\n", [2], id="an ENTRYPOINT in the shell form"),
        pytest.param("HEALTHCHECK --timeout=3s CMD apk add curl && curl x\n", [2], id="a health check"),
        pytest.param("HEALTHCHECK CMD apk add curl\nHEALTHCHECK NONE\n", [], id="a health check taken back"),
        pytest.param('HEALTHCHECK CMD ["curl", "-f", "http://x"]\n', [], id="a health check that asks"),
        pytest.param('CMD ["uv", "run", "fastapi", "run"]\n', [2], id="uv run"),
        pytest.param('CMD ["uv", "run", "--no-sync", "fastapi", "run"]\n', [], id="uv run without syncing"),
        pytest.param('CMD ["uv", "run", "--frozen", "x"]\n', [2], id="uv run that syncs from the lock file"),
        pytest.param('ENV UV_NO_SYNC=1\nCMD ["uv", "run", "x"]\n', [], id="uv run told by a variable"),
        pytest.param('CMD ["npx", "serve"]\nRUN npm ci\n', [], id="npx"),
        pytest.param('CMD ["pipenv", "run", "x"]\n', [], id="pipenv run"),
        pytest.param('CMD ["go", "run", "."]\n', [2], id="go run"),
        pytest.param('CMD ["./mvnw", "spring-boot:run"]\n', [2], id="spring-boot:run"),
        pytest.param('CMD ["./gradlew", "bootRun"]\n', [2], id="bootRun"),
        pytest.param('CMD ["dotnet", "run"]\n', [2], id="dotnet run"),
        pytest.param('CMD ["dotnet", "Web.dll"]\n', [], id="a program of .NET"),
        pytest.param('CMD ["go", "test", "./..."]\n', [], id="a container that tests"),
        pytest.param('CMD npm ci\nFROM x\nCMD ["node", "."]\n', [], id="of a stage that does not ship"),
        pytest.param("CMD npm ci\nFROM first\n", [2], id="taken over from the stage below"),
        pytest.param('CMD npm ci\nFROM first\nENTRYPOINT ["node"]\n', [], id="an ENTRYPOINT takes the CMD away"),
    ],
)
def test_what_starts_with_a_container(text: str, expected: list[int]) -> None:
    assert lines("LP030", build(f"FROM a AS first\n{text}")) == expected


SCRIPT = '#!/bin/sh\nset -e\nnpm install\nexec "$@"\nEOF\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"COPY --chmod=755 <<'EOF' /entry.sh\n{SCRIPT}ENTRYPOINT [\"/entry.sh\"]\n", [8], id="by path"),
        pytest.param(f"COPY <<EOF /entry.sh\n{SCRIPT}ENTRYPOINT sh /entry.sh\n", [8], id="by a shell"),
        pytest.param(f'COPY <<EOF /entry.sh\n{SCRIPT}CMD ["/entry.sh", "x"]\n', [8], id="by CMD"),
        pytest.param(f'WORKDIR /app\nCOPY <<EOF x.sh\n{SCRIPT}CMD ["./x.sh"]\n', [9], id="in the working folder"),
        pytest.param(f'COPY <<EOF /usr/local/bin/\n{SCRIPT}CMD ["EOF"]\n', [8], id="by its name on the path"),
        pytest.param(f'COPY <<EOF /e.sh\n{SCRIPT}FROM a\nCMD ["/e.sh"]\n', [], id="of another stage"),
        pytest.param(f'COPY <<EOF /setup.sh\n{SCRIPT}CMD ["node", "a.js"]\n', [], id="a script that nothing starts"),
        pytest.param(
            'COPY <<EOF /e.sh\n#!/bin/sh\necho npm install\nexec node a.js\nEOF\nCMD ["/e.sh"]\n', [], id="words"
        ),
        pytest.param(
            'COPY <<EOF /e.py\n#!/usr/bin/env python\nnpm install\nEOF\nCMD ["/e.py"]\n', [], id="another language"
        ),
    ],
)
def test_a_script_from_a_here_document_that_installs_at_start(text: str, expected: list[int]) -> None:
    assert lines("LP030", build(f"FROM node:20\n{text}")) == expected


def test_a_script_that_the_stage_below_writes_is_found_as_well() -> None:
    text = f'FROM node:20 AS base\nCOPY <<EOF /e.sh\n{SCRIPT}FROM base\nENTRYPOINT ["/e.sh"]\n'
    assert lines("LP030", build(text)) == [9]


def test_compiling_at_start_is_told_of_services_and_of_what_ships_only() -> None:
    assert lines("LP030", build("FROM golang:1.22 AS dev\nCMD go run .\n")) == []
    assert lines("LP030", build("FROM golang:1.22\nCMD go run .\n", role="base")) == []
    assert lines("LP030", build("FROM node:20 AS dev\nCMD npm ci && npm run dev\n")) == [2]


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        pytest.param(f"{NODE}RUN npm ci\n", "RUN --mount=type=cache,target=/root/.npm npm ci\n", id="npm"),
        pytest.param(
            f"{NODE}run \\\n  # why\n  npm ci \\\n  && true\n",
            "run --mount=type=cache,target=/root/.npm \\\n  # why\n  npm ci \\\n  && true\n",
            id="several lines with a comment",
        ),
        pytest.param(
            f"{NODE}RUN --network=host npm ci\n".replace("\n", "\r\n"),
            "RUN --mount=type=cache,target=/root/.npm --network=host npm ci\r\n",
            id="a flag, and the line ends of Windows",
        ),
        pytest.param(
            f'{NODE}RUN ["npm", "ci"]\n', 'RUN --mount=type=cache,target=/root/.npm ["npm", "ci"]\n', id="the exec form"
        ),
        pytest.param(
            f"{NODE}RUN <<EOF\nnpm ci\nEOF\n",
            "RUN --mount=type=cache,target=/root/.npm <<EOF\nnpm ci\nEOF\n",
            id="a here-document",
        ),
        pytest.param(
            f"{PIP}RUN apk add --no-cache git && pip install --no-cache-dir -r requirements.txt",
            "RUN --mount=type=cache,target=/root/.cache/pip apk add --no-cache git && pip install -r requirements.txt",
            id="pip's flag goes and apk's stays",
        ),
        pytest.param(
            f"{PIP}RUN pip install -r requirements.txt \\\n    --no-cache-dir\nCOPY . .\n",
            "RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt\nCOPY . .\n",
            id="pip's flag on the last line",
        ),
        pytest.param(
            f'{PIP}RUN ["pip", "install", "--no-cache-dir", "-r", "requirements.txt"]\n',
            'RUN --mount=type=cache,target=/root/.cache/pip ["pip", "install", "-r", "requirements.txt"]\n',
            id="pip's flag in the exec form",
        ),
        pytest.param(
            f"{PIP}RUN pip install \\\n    --no-cache-dir \\\n    -r requirements.txt\nRUN pip wheel -r a.txt\n",
            "RUN --mount=type=cache,target=/root/.cache/pip pip install \\\n    -r requirements.txt\n"
            "RUN --mount=type=cache,target=/root/.cache/pip pip wheel -r a.txt\n",
            id="pip's flag on a line of its own",
        ),
        pytest.param(
            f"{GO}RUN go mod download\nCOPY . .\nRUN go build -o /app .\n{STATIC}",
            f"RUN {GO_CACHES} go mod download\nCOPY . .\nRUN {GO_CACHES} go build -o /app .\n{STATIC}",
            id="every step of go",
        ),
        pytest.param(
            "FROM composer:2 AS vendor\nCOPY composer.json ./\nRUN composer install --no-scripts --no-autoloader\n",
            "RUN --mount=type=cache,target=/tmp/cache composer install --no-scripts --no-autoloader\n",
            id="composer in its image",
        ),
        pytest.param(
            "FROM php:8.3-fpm AS vendor\nCOPY composer.json ./\nRUN composer install --no-scripts --no-autoloader\n",
            "RUN --mount=type=cache,target=/root/.composer/cache composer install --no-scripts --no-autoloader\n",
            id="composer in another image",
        ),
        pytest.param(
            "FROM ghcr.io/astral-sh/uv:0.4-bookworm AS b\nCOPY uv.lock ./\nRUN uv sync --no-install-project\n",
            "RUN --mount=type=cache,target=/root/.cache/uv uv sync --no-install-project\n",
            id="uv",
        ),
        pytest.param(
            f"{PIP}RUN poetry config virtualenvs.create false && poetry install --no-root\n",
            "RUN --mount=type=cache,target=/root/.cache/pypoetry poetry config virtualenvs.create false "
            "&& poetry install --no-root\n",
            id="poetry without a virtual environment in its cache",
        ),
        pytest.param(
            f"{NODE}RUN yarn install --frozen-lockfile\n",
            "RUN --mount=type=cache,target=/usr/local/share/.cache/yarn yarn install --frozen-lockfile\n",
            id="yarn 1",
        ),
        pytest.param(
            "FROM maven:3.9 AS b\nCOPY pom.xml .\nRUN mvn dependency:go-offline\nCOPY src src\nRUN mvn package\n"
            "FROM eclipse-temurin:21-jre\nCOPY --from=b /target/*.jar /app.jar\n",
            "RUN --mount=type=cache,target=/root/.m2,sharing=locked mvn dependency:go-offline\nCOPY src src\n"
            "RUN --mount=type=cache,target=/root/.m2,sharing=locked mvn package\n"
            "FROM eclipse-temurin:21-jre\nCOPY --from=b /target/*.jar /app.jar\n",
            id="maven that packages",
        ),
        pytest.param(
            "FROM mcr.microsoft.com/dotnet/sdk:8.0 AS build\nCOPY *.csproj .\n"
            f"RUN dotnet restore && dotnet publish --no-restore\n{STATIC}",
            "RUN --mount=type=cache,target=/root/.nuget/packages dotnet restore && dotnet publish --no-restore\n"
            f"{STATIC}",
            id="dotnet that restores and publishes in one step",
        ),
    ],
)
def test_cache_mounts_are_put_in(text: str, mended: str) -> None:
    subject = build(text)
    assert mend(subject, text) == text[: text.lower().index("run")] + mended
    assert lines("LP011", build(mend(subject, text))) == []


MAVEN = "FROM maven:3.9 AS build\nCOPY pom.xml ./\nRUN mvn -B dependency:go-offline\nCOPY src src\n"
JDK = "FROM eclipse-temurin:21-jdk AS build\nCOPY gradlew build.gradle ./\nRUN ./gradlew dependencies\nCOPY src src\n"
DOTNET = "FROM mcr.microsoft.com/dotnet/sdk:8.0 AS build\nCOPY *.csproj ./\nRUN dotnet restore\nCOPY . .\n"
RUST = "FROM rust:1.80 AS build\nCOPY Cargo.toml Cargo.lock ./\nRUN cargo fetch\nCOPY src src\n"
ALPINE_GO = "FROM alpine:3.20 AS build\nCOPY go.mod ./\nRUN go mod download\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{NODE}USER node\nRUN npm ci\n", id="another user"),
        pytest.param("FROM node:20 AS base\nUSER node\nFROM base\nRUN npm ci\n", id="another user in the stage below"),
        pytest.param("FROM example/node:20\nRUN npm ci\n", id="an image that may have another user"),
        pytest.param(f"{NODE}ENV NPM_CONFIG_CACHE=/c\nRUN npm ci\n", id="a cache elsewhere"),
        pytest.param(f"{NODE}RUN npm_config_cache=/c npm ci\n", id="a cache elsewhere for the command"),
        pytest.param(f"{NODE}RUN npm ci --cache /c\n", id="a cache elsewhere by a flag"),
        pytest.param(f"{NODE}ENV HOME=/home/app\nRUN npm ci\n", id="another home"),
        pytest.param(f"{NODE}RUN npm ci && npm cache clean --force\n", id="a cache that is emptied"),
        pytest.param(f"{NODE}RUN npm ci && rm -rf /root/.npm\n", id="a cache that is removed"),
        pytest.param(f"{PIP}RUN pip install -r requirements.txt && rm -rf ~/.cache\n", id="what it is in is removed"),
        pytest.param(f"# syntax=docker/dockerfile:1.0\n{NODE}RUN npm ci\n", id="a syntax without mounts"),
        pytest.param(f"{NODE}RUN pnpm install --frozen-lockfile\n", id="pnpm"),
        pytest.param(f"{NODE}RUN bundle install && npm ci\n", id="npm beside bundler"),
        pytest.param(f"{NODE}RUN corepack enable && yarn install --frozen-lockfile\n", id="yarn by corepack"),
        pytest.param(f"{NODE}RUN yarn install --immutable\n", id="yarn 4"),
        pytest.param(f"{PIP}RUN poetry install --no-root\n", id="poetry with its environment in the cache"),
        pytest.param(
            f"{PIP}RUN uv pip install --no-cache -r requirements.txt\n", id="uv that was told to keep nothing"
        ),
        pytest.param(f"{PIP}ENV PIP_NO_CACHE_DIR=1\nRUN pip install -r requirements.txt\n", id="pip by a variable"),
        pytest.param(f"{ALPINE_GO}{STATIC}", id="go whose folder is another one"),
        pytest.param(f"{GO}RUN go mod download\n", id="go in what ships"),
        pytest.param(f"{GO}RUN go mod download\nCMD go run .\n{STATIC}", id="go that runs later"),
        pytest.param(f"{GO}RUN go mod download\nRUN make app\n{STATIC}", id="a program that may run go"),
        pytest.param(f"{GO}RUN go mod download\nRUN bash build.sh\n{STATIC}", id="a script that may run go"),
        pytest.param(f"{GO}RUN go mod download\nUSER 1000\nRUN go build\n{STATIC}", id="go of another user later"),
        pytest.param(f"{GO}RUN go mod download\nFROM golang:1.22\nCOPY --from=build /go /go\n", id="a copied cache"),
        pytest.param(
            "FROM maven:3.9 AS b\nCOPY settings.xml /root/.m2/\nRUN mvn dependency:go-offline\nFROM x\n", id="settings"
        ),
        pytest.param("FROM gradle:8-jdk21 AS b\nRUN gradle build\nFROM x\n", id="gradle in its image"),
        pytest.param(f"{NODE}RUN --mount=type=cache,target=/c npm ci --cache /c\n", id="a step that has one"),
        pytest.param(f"{NODE}RUN npm ci\nRUN npm ci --offline --omit=dev\n", id="npm that is offline later"),
        pytest.param(f"{MAVEN}RUN mvn -B -o package\n{STATIC}", id="maven that is offline later"),
        pytest.param(f"{MAVEN}RUN mvn --offline package\n{STATIC}", id="maven that is offline later, in full"),
        pytest.param(f"{JDK}RUN ./gradlew bootJar --offline\n{STATIC}", id="gradle that is offline later"),
        pytest.param(f"{DOTNET}RUN dotnet publish --no-restore\n{STATIC}", id="dotnet without a restore"),
        pytest.param(f"{DOTNET}RUN dotnet build\nRUN dotnet test --no-build\n{STATIC}", id="dotnet without a build"),
        pytest.param(f"{RUST}RUN cargo build --frozen\n{STATIC}", id="cargo that is frozen later"),
        pytest.param(f"{RUST}ENV CARGO_NET_OFFLINE=true\nRUN cargo build\n{STATIC}", id="cargo by a variable"),
        pytest.param(f"{GO}RUN go mod download\nRUN GOPROXY=off go build\n{STATIC}", id="go without a proxy"),
    ],
)
def test_cache_mounts_that_are_not_safe_are_left_to_the_reader(text: str) -> None:
    assert mend(build(text), text) == text


def test_a_base_of_the_project_says_who_installs() -> None:
    text = "FROM base-x:latest\nRUN npm ci\n"
    as_root = build(text, others=[base_image("base-x", "FROM node:20-slim\n")])
    as_user = build(text, others=[base_image("base-x", "FROM node:20-slim\nUSER node\n")])
    assert "target=/root/.npm" in mend(as_root, text)
    assert mend(as_user, text) == text


def test_a_text_that_was_changed_meanwhile_is_left_alone() -> None:
    assert mend(build(f"{NODE}RUN npm ci\n"), "FROM x\n") == "FROM x\n"
    assert mend(build(f"{NODE}RUN npm ci\n"), "no Dockerfile") == "no Dockerfile"


BASES_OF = ("node:20-slim", "python:3.12", "golang:1.22", "example/x:1", "maven:3.9", "rust:1.79")
COMMANDS = (
    "npm ci",
    "yarn install --frozen-lockfile",
    "pnpm install",
    "pip install --no-cache-dir -r requirements.txt",
    "pip install -r requirements.txt \\\n  --no-cache-dir",
    "python -m pip install \\\n    --no-cache-dir \\\n    -r requirements.txt",
    "uv sync --frozen --no-install-project",
    "go mod download",
    "go build -o /app .",
    "cargo fetch",
    "cargo build --release",
    "mvn -B package",
    "apk add --no-cache git && npm ci --omit=dev",
    "echo done",
    "make",
)
OTHERS = ("COPY package.json ./", "COPY . .", "USER node", "USER root", "ENV A=1", "WORKDIR /go", "# npm ci", "")


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    """Stages with installs in every form."""
    rows = []
    for index in range(draw(st.integers(1, 3))):
        earlier = [f"s{n}" for n in range(index)]
        rows.append(f"FROM {draw(st.sampled_from([*BASES_OF, *earlier]))} AS s{index}")
        for _ in range(draw(st.integers(0, 4))):
            rows.append(draw(st.sampled_from(OTHERS) | runs()))
    end = draw(st.sampled_from(("\n", "\r\n")))
    return end.join("\n".join(rows).split("\n")) + draw(st.sampled_from(("", end)))


@st.composite
def runs(draw: st.DrawFn) -> str:
    command = draw(st.sampled_from(COMMANDS))
    flag = draw(st.sampled_from(("", "--network=host ", "--mount=type=cache,target=/var/cache/apt \\\n  ")))
    form = draw(st.sampled_from(("plain", "exec", "document", "lower", "below")))
    if form == "exec" and "\\" not in command and "&" not in command:
        return f"RUN {flag}{json.dumps(command.split())}"
    if form == "document" and "\\" not in flag + command:
        return f"RUN {flag}<<EOF\nset -e\n{command}\nEOF"
    if form == "below":
        return f"RUN {flag}\\\n    # a comment\n    {command}"
    return f"{'run' if form == 'lower' else 'RUN'} {flag}{command}"


def instructions(text: str) -> list[Instruction]:
    file = parse_dockerfile(text, path=ROOT / "Dockerfile")
    return [item for stage in file.stages for item in stage.instructions]


def without_mounts(item: Instruction) -> tuple[object, ...]:
    flags = [flag for flag in item.flags if not flag.startswith("--mount=type=cache")]
    words = [word for value in item.values for word in value.split() if word != "--no-cache-dir"]
    return item.keyword, flags, words


@given(text=dockerfiles())
def test_mending_adds_mounts_and_changes_nothing_else(text: str) -> None:
    subject: BuildSubject = build(text, files=("package.json", "go.mod", "main.go", "src/a.js"))
    mended = mend(subject, text)
    assert [without_mounts(item) for item in instructions(mended)] == [
        without_mounts(item) for item in instructions(text)
    ]
    assert ("\r\n" in mended) == ("\r\n" in text)
    assert ("\n" in mended.replace("\r\n", "")) == ("\n" in text.replace("\r\n", ""))
    assert mend(subject, mended) == mended
    again = build(mended, files=("package.json", "go.mod", "main.go", "src/a.js"))
    assert mend(again, mended) == mended
    changed = {
        new.line for new, old in zip(instructions(mended), instructions(text), strict=True) if new.flags != old.flags
    }
    assert changed.isdisjoint(lines("LP011", again))
