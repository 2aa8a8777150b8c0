"""Repositories as other teams lay them out: each a set of files, and where in it and how the commands are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent

# Upstream images that this repo's own services need, so that they are here; PYTHON and TOOLS are put in.
NODE = "node:18-bookworm-slim"
# Commands of languages whose toolchains are too large for a test: they do nothing but leave a file.
TOOLS = "layerproof-foreign/tools:1"
TOOLS_DOCKERFILE = f"""\
FROM {NODE}
RUN printf '#!/bin/sh\\nmkdir -p /out && echo "$0 $*" >> /out/app\\n' > /usr/local/bin/go \\
 && chmod +x /usr/local/bin/go && cp /usr/local/bin/go /usr/local/bin/cargo && cp /usr/local/bin/go /usr/local/bin/mvn
"""
IGNORE = "\n".join(
    (
        *("**/node_modules", "**/__pycache__", "**/.git", "**/.gitignore", "**/.env", "**/*.log", "**/data"),
        *("**/*.pkl", "**/README.md", ".layerproof"),
    )
)


@dataclass(frozen=True)
class Layout:
    """
    Attributes:
        here: the folder in it that the commands run in.
        flags: what stands before the task.
        images: the names of the images that a build of everything builds.
        project: what Compose calls it, where that is not the folder's name.
        proven: the services that are proven; none means all.
    """

    name: str
    files: Mapping[str, str]
    images: tuple[str, ...]
    here: str = "."
    flags: tuple[str, ...] = ()
    project: str = ""
    proven: tuple[str, ...] = ()


def node(folder: str, *, base: str = NODE, at: str = "") -> dict[str, str]:
    """A Node service; `at` is where its folder is in the build context."""
    dockerfile = f"""\
        FROM {base} AS deps
        WORKDIR /app
        COPY {at}package.json {at}package-lock.json ./
        RUN --mount=type=cache,target=/root/.npm npm ci
        FROM {base} AS runtime
        WORKDIR /app
        COPY --from=deps /app ./
        COPY {at}src ./src
        USER node
        CMD ["node", "src/index.js"]
        """
    lock = '{"name": "api", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "api"}}}'
    return {
        f"{folder}/Dockerfile": dedent(dockerfile),
        f"{folder}/package.json": '{"name": "api", "version": "1.0.0"}',
        f"{folder}/package-lock.json": lock,
        f"{folder}/src/index.js": "require('http').createServer((_, out) => out.end('hi')).listen(3000)\n",
        **({} if at else {f"{folder}/.dockerignore": IGNORE}),
    }


def python(folder: str, *, at: str = "") -> dict[str, str]:
    """A Python service with pip."""
    dockerfile = f"""\
        FROM PYTHON AS deps
        WORKDIR /app
        COPY {at}requirements.txt ./
        RUN --mount=type=cache,target=/root/.cache/pip pip install --prefix /packages -r requirements.txt
        FROM PYTHON AS runtime
        WORKDIR /app
        COPY --from=deps /packages /usr/local
        COPY {at}app ./app
        USER 1000
        CMD ["python", "-m", "app"]
        """
    return {
        f"{folder}/Dockerfile": dedent(dockerfile),
        f"{folder}/requirements.txt": "iniconfig==2.1.0\n",
        f"{folder}/app/__main__.py": "import iniconfig\nprint(iniconfig)\n",
        **({} if at else {f"{folder}/.dockerignore": IGNORE}),
    }


def compiled(
    folder: str, *, fetch: str, build: str, manifests: str, source: str, dockerfile: str = ""
) -> dict[str, str]:
    """A service of which only the binary ships."""
    text = f"""\
        FROM {TOOLS} AS build
        WORKDIR /src
        COPY {manifests} ./
        RUN {fetch}
        COPY . .
        RUN {build}
        FROM scratch AS runtime
        COPY --from=build /out/app /app
        USER 1000
        ENTRYPOINT ["/app"]
        """
    prefix = f"{folder}/" if folder else ""
    return {
        dockerfile or f"{prefix}Dockerfile": dedent(text),
        **{f"{prefix}{name}": f"# {name}\n" for name in manifests.split()},
        f"{prefix}{source}": "// main\n",
        f"{prefix}.dockerignore": IGNORE,
    }


def static(folder: str) -> dict[str, str]:
    """Files and nothing else."""
    return {f"{folder}/Dockerfile": "FROM scratch\nCOPY site /site\n", f"{folder}/site/index.html": "hi\n"} | {
        f"{folder}/.dockerignore": IGNORE
    }


GO = {
    "fetch": "go mod download",
    "build": "go build -o /out/app ./...",
    "manifests": "go.mod go.sum",
    "source": "main.go",
}
RUST = {
    "fetch": "cargo fetch",
    "build": "cargo build --release",
    "manifests": "Cargo.toml Cargo.lock",
    "source": "src/main.rs",
}
JAVA = {
    "fetch": "mvn -B dependency:go-offline",
    "build": "mvn -B package",
    "manifests": "pom.xml",
    "source": "src/main/java/App.java",
}

LAYOUTS = (
    Layout("node-root", {**node("api"), "compose.yaml": "services:\n  api: {build: ./api}\n"}, ("api",)),
    Layout(
        "python-infra",
        {
            **python("api"),
            ".git/HEAD": "ref: refs/heads/main\n",
            "infra/docker-compose.yml": "name: lpf-infra\nservices: {api: {build: ../api}, db: {image: mongo:7.0}}\n",
        },
        ("api",),
        here="api/app",
        project="lpf-infra",
    ),
    Layout(
        "root-context",
        {
            **node("services/web", at="services/web/"),
            **python("services/api", at="services/api/"),
            ".dockerignore": IGNORE,
            "docker-compose.yaml": dedent("""\
                services:
                  web: {build: {context: ., dockerfile: services/web/Dockerfile}}
                  api: {build: {context: ., dockerfile: services/api/Dockerfile}}
                """),
        },
        ("api", "web"),
        here="services/web",
    ),
    Layout(
        "included",
        {
            **static("page"),
            **static("admin"),
            **static("report"),
            "compose.yaml": "include: [stacks/jobs.yaml]\nservices:\n  page: {build: page, env_file: .env.local}\n",
            "stacks/jobs.yaml": dedent("""\
                services:
                  admin: {extends: {file: common.yaml, service: base}, profiles: [staff]}
                  report: {build: ../report, profiles: [jobs, nightly]}
                """),
            "stacks/common.yaml": "services:\n  base: {build: ../admin, environment: {A: b}}\n",
        },
        ("admin", "page", "report"),
    ),
    Layout(
        "two-files",
        {
            **compiled("cmd/api", **GO),
            "docker-compose.yml": "services:\n  api: {image: lpf-two-files/api:dev}\n",
            "docker-compose.build.yml": "services:\n  api: {build: cmd/api}\n",
            "docker-compose.prod.yml": "services:\n  api: {restart: always}\n",
        },
        ("api",),
        flags=("--file", "docker-compose.yml", "--file", "docker-compose.build.yml"),
    ),
    Layout(
        "one-dockerfile",
        {
            **node("app/api", at="api/"),
            "app/small/index.js": "// small\n",
            "app/.dockerignore": IGNORE,
            "docker-bake.hcl": 'group "default" { targets = ["other"] }\ntarget "other" { context = "nowhere" }\n',
            "compose.yml": dedent(f"""\
                services:
                  api: {{build: {{context: app, dockerfile: api/Dockerfile, target: runtime}}}}
                  tests: {{build: {{context: app, dockerfile: api/Dockerfile, target: deps}}, profiles: [test]}}
                  small:
                    build:
                      context: app
                      dockerfile_inline: |
                        FROM {NODE}
                        WORKDIR /app
                        COPY small ./small
                        USER node
                """),
        },
        ("api", "small", "tests"),
    ),
    Layout(
        "bases-as-services",
        {
            **node("api", base="lpf-bases/node:1"),
            **static("page"),
            "page/Dockerfile": "FROM scratch AS theme\nFROM scratch\nCOPY --from=theme /site /theme\nCOPY site /site\n",
            **{f"images/theme/{name.partition('/')[2]}": text for name, text in static("theme").items()},
            "images/node/Dockerfile": f"FROM {NODE}\nENV NODE_ENV=production\n",
            "images/node/.dockerignore": IGNORE,
            "compose.yaml": dedent("""\
                services:
                  base: {image: "lpf-bases/node:1", build: images/node, profiles: [build]}
                  theme: {build: images/theme, profiles: [build]}
                  api: {build: api, depends_on: []}
                  page: {build: {context: page, additional_contexts: {theme: "service:theme"}}}
                """),
        },
        ("api", "base", "page", "theme"),
        proven=("api", "page"),
    ),
    Layout(
        "bases-by-tag",
        {
            **compiled("orders", **JAVA),
            "orders/Dockerfile": dedent("""\
                FROM lpf-tag/maven:3 AS build
                WORKDIR /src
                COPY pom.xml ./
                RUN mvn -B dependency:go-offline
                COPY src ./src
                RUN mvn -B package
                FROM scratch AS runtime
                COPY --from=build /out/app /app
                USER 1000
                """),
            "build/docker/maven/Dockerfile": f"FROM {TOOLS}\nENV MAVEN_OPTS=-Xmx1g\n",
            "build/docker/maven/.dockerignore": IGNORE,
            "docker/ci/Dockerfile": "FROM scratch\nCOPY nowhere /\n",
            "layerproof.toml": '[base-images]\n"lpf-tag/maven:3" = "build/docker/maven"\n',
            "compose.yaml": "services:\n  orders: {build: orders}\n",
        },
        ("lpf-tag_maven_3", "orders"),
        here="orders/src/main",
    ),
    Layout(
        "with spaces",
        {
            **python("the shop/my api"),
            ".env": "COMPOSE_FILE=stack files/shop.yml\n",
            "stack files/shop.yml": "name: lpf-spaces\nservices:\n  api: {build: ../the shop/my api}\n",
        },
        ("api",),
        project="lpf-spaces",
    ),
    Layout(
        "rust-deep",
        {
            **compiled("", **RUST, dockerfile="deploy/docker/api.Dockerfile"),
            ".git/HEAD": "ref: refs/heads/main\n",
            "deploy/docker/compose.yaml": dedent("""\
                name: lpf-rust
                services:
                  api: {build: {context: ../.., dockerfile: deploy/docker/api.Dockerfile}}
                """),
        },
        ("api",),
        here="deploy/docker",
        project="lpf-rust",
    ),
)
