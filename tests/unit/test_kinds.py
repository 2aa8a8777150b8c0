"""Which steps are for dependencies: the good patterns of each ecosystem, and the ways to get them wrong."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from layerproof.dockerfile import external_references, parse_dockerfile
from layerproof.flow import load_flow
from layerproof.kinds import Kinds, derive_kinds
from layerproof.model import Image, StepKind

CONTEXT = Path("/shop")
APPLICATION, DEPENDENCY = StepKind.APPLICATION, StepKind.DEPENDENCY


def make_image(text: str) -> Image:
    file = parse_dockerfile(text, path=CONTEXT / "Dockerfile")
    return Image(
        "web", "web:latest", "service", CONTEXT, file, None, upstreams=external_references(file, None), service="web"
    )


def derive(
    text: str,
    files: str,
    *,
    no_needs: Collection[str] = (),
    dependency: Collection[str] = (),
    application: Collection[str] = (),
) -> Kinds:
    return derive_kinds(
        load_flow(make_image(text)),
        files={CONTEXT: tuple(files.split())},
        needs=lambda ecosystem: ecosystem not in no_needs,
        dependency=dependency,
        application=application,
    )


def letters(text: str, kinds: Kinds) -> str:
    """`DDAA`: the kind of each step, by line."""
    return "".join("D" if kinds.of[line] is DEPENDENCY else "A" for line in sorted(kinds.of))


NODE = "package.json package-lock.json pnpm-lock.yaml index.html src/index.ts README.md"
PYTHON = "requirements.txt pyproject.toml uv.lock poetry.lock app/main.py README.md"
GO = "go.mod go.sum main.go internal/a.go"
RUST = "Cargo.toml Cargo.lock src/main.rs"
DOTNET = "App.csproj Program.cs"
MAVEN = "pom.xml src/main/java/App.java"
GRADLE = "build.gradle.kts settings.gradle.kts gradlew gradle/wrapper/gradle-wrapper.jar src/main/java/App.java"

GOOD = [
    pytest.param(
        "FROM node\nWORKDIR /a\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n",
        NODE,
        "DDDAA",
        id="npm in a single stage",
    ),
    pytest.param(
        "FROM node AS deps\nCOPY package.json package-lock.json ./\nRUN npm ci\nFROM node AS build\n"
        "COPY --from=deps /node_modules ./node_modules\nCOPY . .\nRUN npm run build\nFROM nginx\n"
        "COPY --from=build /dist /usr/share\n",
        NODE,
        "DDDAAA",
        id="npm in three stages",
    ),
    pytest.param(
        "FROM node\nRUN --mount=type=bind,source=package.json,target=package.json"
        " --mount=type=bind,source=package-lock.json,target=package-lock.json"
        " --mount=type=cache,target=/root/.npm npm ci\nCOPY . .\nCMD node src\n",
        NODE,
        "DA",
        id="npm with bind mounts, as docker init writes it",
    ),
    pytest.param(
        "FROM node\nCOPY package.json ./\nCOPY prisma ./prisma\nRUN npm ci\nCOPY . .\nRUN npm run build\n",
        "package.json prisma/schema.prisma src/index.ts",
        "DDDAA",
        id="npm with the schema that its postinstall needs",
    ),
    pytest.param(
        "FROM node\nCOPY package.json package-lock.json ./\nCOPY packages/a/package.json packages/a/\n"
        "COPY packages/b/package.json packages/b/\nRUN npm ci\nCOPY packages packages\nRUN npm run build\n",
        "package.json package-lock.json packages/a/package.json packages/a/i.ts packages/b/package.json",
        "DDDDAA",
        id="npm workspaces, the manifest of each alone",
    ),
    pytest.param(
        "FROM node\nRUN corepack enable\nCOPY package.json pnpm-lock.yaml ./\nRUN pnpm install --frozen-lockfile\n"
        "COPY . .\nRUN pnpm build && pnpm prune --prod\n",
        NODE,
        "DDDAA",
        id="pnpm",
    ),
    pytest.param(
        "FROM node\nCOPY pnpm-lock.yaml ./\nRUN pnpm fetch --prod\nCOPY . .\nRUN pnpm install -r --offline --prod\n",
        NODE,
        "DDAA",
        id="pnpm fetch, then an install without the network",
    ),
    pytest.param(
        "FROM python\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\nRUN pip install .\n",
        PYTHON,
        "DDAA",
        id="pip, then the project itself",
    ),
    pytest.param(
        "FROM python AS wheels\nCOPY requirements.txt .\nRUN pip wheel -r requirements.txt -w /w\nFROM python\n"
        "COPY --from=wheels /w /w\nRUN pip install /w/*\nCOPY app app\n",
        PYTHON,
        "DDDDA",
        id="pip by way of wheels",
    ),
    pytest.param(
        "FROM python\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"
        "RUN pip install --no-deps -e .\n",
        PYTHON,
        "DDAA",
        id="pip, then the project without dependencies",
    ),
    pytest.param(
        "FROM python\nCOPY requirements.txt constraints.txt ./\nRUN pip install -r requirements.txt\nCOPY . .\n"
        "RUN pip install -c constraints.txt .\n",
        f"{PYTHON} constraints.txt",
        "DDAA",
        id="pip, then the project under the same constraints",
    ),
    pytest.param(
        "FROM python\nCOPY pyproject.toml uv.lock ./\nRUN uv sync --frozen --no-install-project\nCOPY . .\n"
        "RUN uv sync --frozen\n",
        PYTHON,
        "DDAA",
        id="uv",
    ),
    pytest.param(
        "FROM python\nRUN --mount=type=cache,target=/c --mount=type=bind,source=uv.lock,target=uv.lock"
        " --mount=type=bind,source=pyproject.toml,target=pyproject.toml uv sync --locked --no-install-project\n"
        "COPY . /app\nRUN --mount=type=cache,target=/c uv sync --locked\n",
        PYTHON,
        "DAA",
        id="uv with mounts, as its own page shows",
    ),
    pytest.param(
        "FROM python\nRUN pip install poetry\nCOPY pyproject.toml poetry.lock ./\nRUN poetry install --no-root\n"
        "COPY . .\nRUN poetry install --only-root\n",
        PYTHON,
        "DDDAA",
        id="poetry",
    ),
    pytest.param(
        "FROM python\nCOPY pyproject.toml pdm.lock ./\nRUN pdm install --no-self\nCOPY . .\nRUN pdm install\n",
        f"{PYTHON} pdm.lock",
        "DDAA",
        id="pdm",
    ),
    pytest.param(
        "FROM golang AS build\nCOPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go build -o /app\n"
        "FROM scratch\nCOPY --from=build /app /app\n",
        GO,
        "DDAAA",
        id="go",
    ),
    pytest.param(
        "FROM golang\nCOPY . .\nRUN --mount=type=cache,target=/go/pkg/mod go build -o /app\n",
        GO,
        "AA",
        id="go build alone, into a cache mount",
    ),
    pytest.param(
        "FROM golang\nCOPY . .\nRUN go build -mod=vendor -o /app\n",
        f"{GO} vendor/modules.txt",
        "AA",
        id="go build alone, from its vendor folder",
    ),
    pytest.param(
        "FROM golang\nCOPY . .\nRUN go build -o /app\n",
        f"{GO} vendor/modules.txt vendor/x.example/y/y.go",
        "AA",
        id="go build alone, with a vendor folder",
    ),
    pytest.param(
        "FROM rust AS chef\nRUN cargo install cargo-chef\nWORKDIR /a\nFROM chef AS planner\nCOPY . .\n"
        "RUN cargo chef prepare --recipe-path recipe.json\nFROM chef AS builder\n"
        "COPY --from=planner /a/recipe.json recipe.json\nRUN cargo chef cook --release --recipe-path recipe.json\n"
        "COPY . .\nRUN cargo build --release\nFROM debian\nCOPY --from=builder /a/target/release/app /app\n",
        RUST,
        "DDAADDAAA",
        id="cargo chef",
    ),
    pytest.param(
        "FROM rust\nCOPY Cargo.toml Cargo.lock ./\n"
        'RUN mkdir src && echo "fn main(){}" > src/main.rs && cargo build --release && rm -r src\n'
        "COPY src src\nRUN touch src/main.rs && cargo build --release\n",
        RUST,
        "DDAA",
        id="cargo with an empty main",
    ),
    pytest.param(
        "FROM sdk AS build\nCOPY *.csproj ./\nRUN dotnet restore\nCOPY . .\nRUN dotnet publish -c Release -o /out\n"
        "FROM aspnet\nCOPY --from=build /out .\n",
        DOTNET,
        "DDAAA",
        id="dotnet",
    ),
    pytest.param(
        "FROM maven\nCOPY pom.xml .\nRUN mvn -B dependency:go-offline\nCOPY src src\nRUN mvn -B package\n",
        MAVEN,
        "DDAA",
        id="maven",
    ),
    pytest.param(
        "FROM maven\nCOPY pom.xml .\nRUN mvn org.apache.maven.plugins:maven-dependency-plugin:3.6.1:go-offline\n"
        "COPY src src\nRUN mvn -B package\n",
        MAVEN,
        "DDAA",
        id="maven with a pinned plugin",
    ),
    pytest.param(
        "FROM maven\nCOPY pom.xml .\nRUN mvn verify --fail-never\nCOPY src src\nRUN mvn package\n",
        MAVEN,
        "DDAA",
        id="maven without source first",
    ),
    pytest.param(
        "FROM jdk\nCOPY gradlew build.gradle.kts settings.gradle.kts ./\nCOPY gradle gradle\n"
        "RUN ./gradlew dependencies\nCOPY . .\nRUN ./gradlew build\n",
        GRADLE,
        "DDDAA",
        id="gradle",
    ),
    pytest.param(
        "FROM php\nCOPY composer.json composer.lock ./\nRUN composer install --no-scripts --no-autoloader\nCOPY . .\n"
        "RUN composer install --no-dev\n",
        "composer.json composer.lock index.php",
        "DDAA",
        id="composer",
    ),
    pytest.param(
        "FROM ruby\nCOPY Gemfile* ./\nRUN bundle install\nCOPY . .\nRUN bundle exec rake assets:precompile\n",
        "Gemfile Gemfile.lock app.rb",
        "DDAA",
        id="bundler",
    ),
    pytest.param(
        "FROM elixir\nCOPY mix.exs mix.lock ./\nRUN mix deps.get\nCOPY lib lib\nRUN mix release\n",
        "mix.exs mix.lock lib/a.ex",
        "DDAA",
        id="mix",
    ),
    pytest.param(
        "FROM swift\nCOPY Package.* ./\nRUN swift package resolve\nCOPY Sources Sources\nRUN swift build -c release\n",
        "Package.swift Package.resolved Sources/a.swift",
        "DDAA",
        id="swift",
    ),
    pytest.param(
        "FROM node\nRUN apt-get update && apt-get install -y git\nCOPY package.json ./\nRUN npm ci\nCOPY . .\n",
        NODE,
        "DDDA",
        id="packages of the distribution first",
    ),
    pytest.param(
        "FROM node\nCOPY . .\nRUN cat <<EOF > /run.sh && chmod +x /run.sh\nnpm start\nEOF\n",
        NODE,
        "AA",
        id="a script that is written after the source",
    ),
    pytest.param(
        "FROM node\nCOPY package.json ./\nRUN npm ci\nCOPY . .\nRUN cat <<EOF > /dev.sh\nnpm install\nnpm start\nEOF\n",
        NODE,
        "DDAA",
        id="a script with an install that is written after the source",
    ),
    pytest.param("FROM nginx\nCOPY index.html /srv/\n", NODE, "A", id="no dependencies at all"),
]
BAD = [
    pytest.param("FROM node\nCOPY . .\nRUN npm ci\nRUN npm run build\n", NODE, "DDA", id="npm after the source"),
    pytest.param(
        "FROM node\nCOPY . .\nRUN --mount=type=cache,target=/root/.npm npm ci\n",
        NODE,
        "DD",
        id="npm with a cache mount",
    ),
    pytest.param("FROM node\nADD . .\nRUN npm ci\n", NODE, "DD", id="ADD in place of COPY"),
    pytest.param("FROM node\nCOPY ./ /app/\nRUN npm ci\n", NODE, "DD", id="a context written as ./"),
    pytest.param("FROM node\nCOPY / /app/\nRUN npm ci\n", NODE, "DD", id="a context written as /"),
    pytest.param("FROM node\nCOPY * /app/\nRUN npm ci\n", NODE, "DD", id="a context written as a star"),
    pytest.param("FROM node\nARG D=.\nCOPY $D /app/\nRUN npm ci\n", NODE, "DD", id="a context in a variable"),
    pytest.param("FROM node\nRUN --mount=type=bind,target=. npm ci\n", NODE, "D", id="the whole context mounted"),
    pytest.param(
        "FROM node AS deps\nCOPY package.json .\nRUN npm ci\nFROM deps AS build\nCOPY . .\nRUN npm ci\nRUN make\n",
        NODE,
        "DDDDA",
        id="a build stage that installs again",
    ),
    pytest.param(
        "FROM node AS deps\nCOPY package.json .\nCOPY src src\nRUN npm ci\nFROM deps AS build\nRUN npm run build\n",
        NODE,
        "DDDA",
        id="a stage for dependencies that copies source",
    ),
    pytest.param(
        "FROM node AS src\nCOPY . /src\nFROM node\nCOPY --from=src /src .\nRUN npm ci\n",
        NODE,
        "ADD",
        id="the source by way of another stage",
    ),
    pytest.param('FROM node\nCOPY . .\nRUN bash -lc "npm ci"\n', NODE, "DD", id="npm in a login shell"),
    pytest.param("FROM python\nCOPY . .\nRUN uv sync --frozen\n", PYTHON, "DD", id="uv after the source"),
    pytest.param(
        "FROM python\nCOPY . .\nRUN pip install -r requirements.txt\n", PYTHON, "DD", id="pip after the source"
    ),
    pytest.param(
        "FROM python\nRUN pip install poetry\nCOPY . .\nRUN poetry install\n",
        PYTHON,
        "DDD",
        id="poetry after the source, itself installed before",
    ),
    pytest.param(
        "FROM python\nRUN pip install uv\nCOPY . .\nRUN uv sync --frozen\n",
        PYTHON,
        "DDD",
        id="uv after the source, itself installed before",
    ),
    pytest.param(
        "FROM python\nRUN pip install --upgrade pip\nCOPY . .\nRUN pip install .\n",
        PYTHON,
        "DDD",
        id="pip after the source, itself upgraded before",
    ),
    pytest.param("FROM golang\nCOPY . .\nRUN go build -o /app\n", GO, "DD", id="go build alone"),
    pytest.param(
        "FROM golang\nRUN go install golang.org/x/tools/cmd/stringer@v0.30.0\nCOPY . .\nRUN go build -o /app\n",
        GO,
        "DDD",
        id="go build alone, after a tool",
    ),
    pytest.param("FROM rust\nCOPY . .\nRUN cargo build --release\n", RUST, "DD", id="cargo build alone"),
    pytest.param(
        "FROM rust\nRUN cargo install sqlx-cli\nCOPY . .\nRUN cargo build --release\n",
        RUST,
        "DDD",
        id="cargo build alone, after a tool",
    ),
    pytest.param("FROM sdk\nCOPY . .\nRUN dotnet publish -o /out\n", DOTNET, "DD", id="dotnet publish alone"),
    pytest.param("FROM maven\nCOPY . .\nRUN mvn package\n", MAVEN, "DD", id="mvn package alone"),
    pytest.param("FROM jdk\nCOPY . .\nRUN ./gradlew build\n", GRADLE, "DD", id="gradle build alone"),
    pytest.param(
        "FROM node\nCOPY package.json .\nRUN npm ci\nCOPY . .\nRUN apt-get update && apt-get install -y curl\n",
        NODE,
        "DDDD",
        id="packages of the distribution after the source",
    ),
    pytest.param(
        "FROM node\nCOPY package.json .\nRUN npm ci\nCOPY . .\nRUN curl -fsSL https://x.example/y -o /y\n",
        NODE,
        "DDDD",
        id="a download after the source",
    ),
    pytest.param(
        "FROM python\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"
        "RUN go build -o /tool ./tool\n",
        f"{PYTHON} {GO}",
        "DDDD",
        id="a tool of another ecosystem after the source",
    ),
]


@pytest.mark.parametrize(("text", "files", "expected"), GOOD)
def test_a_good_dockerfile_builds_the_application_apart_from_its_dependencies(
    text: str, files: str, expected: str
) -> None:
    assert letters(text, derive(text, files)) == expected


@pytest.mark.parametrize(("text", "files", "expected"), BAD)
def test_an_install_that_stands_on_source_is_still_one_of_dependencies(text: str, files: str, expected: str) -> None:
    assert letters(text, derive(text, files)) == expected


def test_what_stands_below_an_install_is_for_dependencies_because_it_has_to_stay() -> None:
    text = "FROM node\nWORKDIR /a\nCOPY src src\nRUN npm ci\nRUN npm run build\n"
    kinds = derive(text, NODE)
    assert letters(text, kinds) == "DDDA"
    assert set(kinds.installs) == {4}


def test_a_build_tool_installs_nothing_where_the_project_needs_nothing() -> None:
    text = "FROM golang\nCOPY . .\nRUN go build -o /app\n"
    kinds = derive(text, "go.mod main.go", no_needs={"go"})
    assert letters(text, kinds) == "AA"
    assert kinds.installs == {}


def test_what_was_fetched_counts_for_its_own_ecosystem_only() -> None:
    text = "FROM x\nCOPY go.mod package.json ./\nRUN npm ci\nCOPY . .\nRUN go build\n"
    assert set(derive(text, f"{GO} {NODE}").installs) == {3, 5}


def test_what_another_stage_has_fetched_counts_only_where_it_is_copied_from() -> None:
    apart = "FROM golang AS a\nCOPY go.mod .\nRUN go mod download\nFROM golang\nCOPY . .\nRUN go build\n"
    copied = apart.replace("COPY . .\n", "COPY --from=a /go /go\nCOPY . .\n")
    assert set(derive(apart, GO).installs) == {6}
    assert set(derive(copied, GO).installs) == {3}


def test_an_install_that_runs_on_source_fetches_for_nobody_after_it() -> None:
    text = "FROM golang\nCOPY . .\nRUN go mod download\nRUN go build\n"
    assert set(derive(text, GO).installs) == {3, 4}


@pytest.mark.parametrize(
    "name", ["deps", "dep", "Dependencies", "node-deps", "deps_prod", "prod.deps", "npm-deps-prod"]
)
def test_a_stage_that_is_called_so_is_for_dependencies(name: str) -> None:
    text = f"FROM node AS {name}\nCOPY src src\nRUN make\n"
    assert letters(text, derive(text, NODE)) == "DD"


@pytest.mark.parametrize("name", ["build", "deploy", "depsy", "undeps", "independencies"])
def test_a_stage_whose_name_only_begins_so_is_not(name: str) -> None:
    text = f"FROM node AS {name}\nCOPY src src\nRUN make\n"
    assert letters(text, derive(text, NODE)) == "AA"


def test_a_step_that_is_named_installs_and_so_what_is_below_it() -> None:
    text = "FROM node\nCOPY . .\nRUN ./bootstrap.sh\nRUN make\n"
    assert letters(text, derive(text, NODE)) == "AAA"
    assert letters(text, derive(text, NODE, dependency=["bootstrap.sh"])) == "DDA"


def test_a_step_that_is_named_an_application_step_installs_nothing() -> None:
    text = "FROM node\nCOPY . .\nRUN npm install ./vendored.tgz\n"
    assert letters(text, derive(text, NODE)) == "DD"
    assert letters(text, derive(text, NODE, application=["vendored.tgz"])) == "AA"


def test_a_named_application_step_leaves_its_stage_of_dependencies() -> None:
    text = "FROM node AS deps\nCOPY package.json .\nRUN npm ci\nCOPY src src\nRUN make\n"
    assert letters(text, derive(text, NODE)) == "DDDD"
    assert letters(text, derive(text, NODE, application=["RUN make", "COPY src"])) == "DDAA"


def test_sources_are_whatever_is_no_manifest() -> None:
    assert set(derive("FROM x\nCOPY . .\n", NODE).sources) == {
        "/shop/index.html",
        "/shop/src/index.ts",
        "/shop/README.md",
    }


def test_without_any_file_nothing_is_of_the_application() -> None:
    text = "FROM x\nCOPY . .\nRUN make\n"
    assert letters(text, derive(text, "")) == "DD"


def test_an_image_without_steps_has_no_kinds() -> None:
    kinds = derive("FROM x\nCMD y\n", NODE)
    assert (kinds.of, kinds.installs) == ({}, {})
