"""What the files of a folder say about the Dockerfile it needs; and that what they do not say is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from layerproof.dockerfile import parse_dockerfile
from layerproof.starters import Wishes
from layerproof.starters.detect import detect
from layerproof.starters.render import (
    Composed,
    render_compose_file,
    render_dockerfile,
    render_nginx_conf,
)
from layerproof.starters.sources import find_health_path
from layerproof.starters.versions import at_least, node_version, python_version
from tests.starter_samples import LISTENER, SAMPLES, WSGI, folder, found, node, package, pyproject

# what it is, the files, and the command that starts it
COMMANDS: tuple[tuple[str, Mapping[str, str], tuple[str, ...]], ...] = (
    ("a start script by node", node(scripts={"start": "node src/index.js"}), ("node", "src/index.js")),
    (
        "production before development",
        node(scripts={"start": "nest start", "start:prod": "node dist/main"}),
        ("node", "dist/main.js"),
    ),
    ("a script that runs another", node(scripts={"start": "npm run serve", "serve": "node a.js"}), ("node", "a.js")),
    (
        "flags of node",
        node(scripts={"start": "node --enable-source-maps a.js"}),
        ("node", "--enable-source-maps", "a.js"),
    ),
    ("no file of settings", node(scripts={"start": "node --env-file=.env src/a.js"}), ("node", "src/a.js")),
    ("no file of settings, in two words", node(scripts={"start": "node --env-file .env a.js"}), ("node", "a.js")),
    ("main", {**node(main="./lib/run.js"), "lib/run.js": ""}, ("node", "lib/run.js")),
    ("a file by its name", {**node(), "server.js": ""}, ("node", "server.js")),
    (
        "a program of a dependency",
        node(scripts={"start": "fastify start app.js"}, dependencies={"fastify": "5"}),
        ("node_modules/.bin/fastify", "start", "app.js"),
    ),
    ("a page without a build", {**node(devDependencies={"vite": "5"}), "src/main.js": ""}, ()),
    ("development tools", node(scripts={"start": "nodemon src/app.ts"}), ()),
    ("a shell command", node(scripts={"start": "sleep 1 && node a.js"}), ()),
    (
        "SvelteKit with a server",
        node(scripts={"build": "vite build"}, devDependencies={"@sveltejs/kit": "2", "@sveltejs/adapter-node": "5"}),
        ("node", "build"),
    ),
    ("Nuxt", node(scripts={"build": "nuxt build"}, dependencies={"nuxt": "3"}), ("node", ".output/server/index.mjs")),
    (
        "Next.js, standalone",
        {
            **node(scripts={"build": "next build", "start": "next start"}, dependencies={"next": "15"}),
            "next.config.mjs": "export default { output: 'standalone' }",
        },
        ("node", "server.js"),
    ),
    ("Flask by gunicorn", SAMPLES["pip"], ("gunicorn", "--bind", "0.0.0.0:5000", "app:app")),
    (
        "Flask by waitress, from a factory",
        {"requirements.txt": "flask==3\nwaitress==3\n", "shop/__init__.py": "def create_app():\n    pass\n"},
        ("waitress-serve", "--listen=0.0.0.0:5000", "--call", "shop:create_app"),
    ),
    (
        "FastAPI in a package below src",
        {
            "pyproject.toml": pyproject("shop", backend="hatchling", project='dependencies = ["fastapi", "uvicorn"]'),
            "src/shop/__init__.py": "",
            "src/shop/main.py": "app = FastAPI()\n",
        },
        ("uvicorn", "shop.main:app", "--host", "0.0.0.0", "--port", "8000"),
    ),
    (
        "FastAPI with its standard extra",
        {"requirements.txt": "fastapi[standard]==0.115\n", "app/main.py": "api = FastAPI(title='x')\n"},
        ("uvicorn", "app.main:api", "--host", "0.0.0.0", "--port", "8000"),
    ),
    (
        "FastAPI that a function makes",
        {
            "requirements.txt": "fastapi==0.115\nuvicorn==0.30\n",
            "factory.py": "def create_app() -> FastAPI:\n    return FastAPI()\n",
            "main.py": "from factory import create_app\n\napp = create_app()\n",
        },
        ("uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"),
    ),
    (
        "FastAPI by a function alone",
        {
            "requirements.txt": "fastapi==0.115\nuvicorn==0.30\n",
            "shop/web.py": "def build(\n    debug: bool = False,\n) -> FastAPI:\n    return FastAPI()\n",
        },
        ("uvicorn", "--factory", "shop.web:build", "--host", "0.0.0.0", "--port", "8000"),
    ),
    (
        "Flask that a function makes of its settings",
        {
            "requirements.txt": "flask==3\ngunicorn==23\n",
            "shop/__init__.py": "def create_app(settings):\n    pass\n",
            "wsgi.py": "from shop import create_app\n\napp = create_app('production')\n",
        },
        ("gunicorn", "--bind", "0.0.0.0:5000", "wsgi:app"),
    ),
    (
        "FastAPI with its standard extra, by Poetry",
        {
            "pyproject.toml": "[tool.poetry]\nname = 'a'\n[tool.poetry.dependencies]\n"
            "fastapi = {extras = ['standard'], version = '^0.115'}\n",
            "poetry.lock": "",
            "main.py": "app = FastAPI()\n",
        },
        ("uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"),
    ),
    ("a module of Flask that runs nothing", {"requirements.txt": "flask==3\n", "main.py": "import views\n"}, ()),
    (
        "a bot that runs at once",
        {"requirements.txt": "fastapi==0.115\n", "bot.py": "from shop import bot\n\nbot.run()\n"},
        ("python", "bot.py"),
    ),
    ("a script without a framework", {"requirements.txt": "idna==3\n", "main.py": "print(1)\n"}, ("python", "main.py")),
    (
        "Django by gunicorn",
        {"requirements.txt": "Django==5\ngunicorn==23\n", "manage.py": "", "shop/wsgi.py": ""},
        ("gunicorn", "--bind", "0.0.0.0:8000", "shop.wsgi:application"),
    ),
    ("the only script of a project", SAMPLES["uv"], ("uv-service",)),
    ("a package that runs", SAMPLES["poetry"], ("python", "-m", "listener")),
    ("a program at the top", {"requirements.txt": "", "worker.py": LISTENER}, ("python", "worker.py")),
    ("a library of Python", {"requirements.txt": "", "lib/__init__.py": ""}, ()),
    ("Go", SAMPLES["go"], ("/app",)),
    ("Rust", SAMPLES["rust"], ("/app",)),
    ("a Java class", SAMPLES["java"], ("java", "-cp", "app.jar:lib/*", "com.example.Main")),
    ("Spring Boot", SAMPLES["spring"], ("java", "-jar", "app.jar")),
    ("ASP.NET", SAMPLES["dotnet"], ("dotnet", "Api.dll")),
)


@pytest.mark.parametrize(("files", "command"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_the_command_is_what_the_manifest_or_the_sources_say(
    files: Mapping[str, str], command: tuple[str, ...]
) -> None:
    assert found(files).command == command


# what is in the way, the files, the folder above, and a part of what is said
BLOCKED: tuple[tuple[str, Mapping[str, str], Mapping[str, str], str], ...] = (
    ("no JSON", {"package.json": '{\n  "name": }'}, {}, "package.json:2: not valid JSON"),
    ("no object", {"package.json": "[]"}, {}, "package.json:1"),
    ("no TOML", {"pyproject.toml": "[project\n"}, {}, "pyproject.toml:1: not valid TOML"),
    ("no XML", {"pom.xml": "<project>\n<a></project>"}, {}, "pom.xml:2: not valid XML"),
    ("no module", {"go.mod": "go 1.22\n"}, {}, "go.mod:1"),
    ("the root of a workspace", node(workspaces=["packages/*"]), {}, "root of a workspace"),
    (
        "a lock file above",
        {"package.json": package("api")},
        {"package.json": package("all", workspaces=["api"]), "package-lock.json": "{}"},
        "npm install --package-lock-only --workspaces=false",
    ),
    (
        "a lock file of pnpm above",
        {"package.json": package("api")},
        {"package.json": "{}", "pnpm-workspace.yaml": "packages: [api]", "pnpm-lock.yaml": ""},
        "outside of its build context",
    ),
    ("a folder as a dependency", node(dependencies={"lib": "file:../lib"}), {}, "lib (file:../lib) is another folder"),
    ("Bun", {"package.json": package("api"), "bun.lock": ""}, {}, "Bun is not handled"),
    (
        "Next.js with everything",
        node(scripts={"build": "next build"}, dependencies={"next": "15"}),
        {},
        'output: "standalone"',
    ),
    ("Pipenv", {"Pipfile": ""}, {}, "Pipenv"),
    ("setup.py", {"setup.py": ""}, {}, "setup.py"),
    ("an editable requirement", {"requirements.txt": "flask\n-e .\n"}, {}, "requirements.txt:2: `-e .`"),
    ("a requirement elsewhere", {"requirements.txt": "-r base.txt\n", "base.txt": "../lib\n"}, {}, "base.txt:1"),
    ("Poetry without its lock", {"pyproject.toml": "[tool.poetry]\nname = 'a'\n"}, {}, "poetry lock"),
    ("a Go module elsewhere", {"go.mod": "module a\nreplace b => ../b\n"}, {}, "../b"),
    ("a Cargo workspace", {"Cargo.toml": "[workspace]\nmembers = ['a']\n"}, {}, "workspace"),
    (
        "a crate of a workspace",
        {"Cargo.toml": "[package]\nname = 'a'\n"},
        {"Cargo.toml": "[workspace]\n"},
        "outside of its build context",
    ),
    ("Maven modules", {"pom.xml": "<project><modules><module>a</module></modules></project>"}, {}, "several modules"),
    (
        "a Maven parent above",
        {"pom.xml": "<project><parent><artifactId>all</artifactId></parent></project>"},
        {"pom.xml": "<project><artifactId>all</artifactId></project>"},
        "outside of its build context",
    ),
    ("a war", {"pom.xml": "<project><packaging>war</packaging></project>"}, {}, "war"),
    ("an entity", {"pom.xml": '<!DOCTYPE a [<!ENTITY b "c">]><project>&b;</project>'}, {}, "document type"),
    ("Gradle", {"build.gradle.kts": ""}, {}, "Gradle is not handled"),
    (
        "a .NET project elsewhere",
        {
            "a/A.csproj": '<Project Sdk="Microsoft.NET.Sdk.Web"><ProjectReference Include="..\\..\\B\\B.csproj" /></Project>'  # noqa: E501  # one text
        },
        {},
        "outside of its build context",
    ),
    (
        ".NET Framework",
        {"A.csproj": "<OutputType>Exe</OutputType><TargetFrameworkVersion>v4.8</TargetFrameworkVersion>"},
        {},
        "Windows",
    ),
)


@pytest.mark.parametrize(("files", "above", "said"), [row[1:] for row in BLOCKED], ids=[row[0] for row in BLOCKED])
def test_what_cannot_be_done_is_said(files: Mapping[str, str], above: Mapping[str, str], said: str) -> None:
    parents = (folder(above, name="root"),) if above else ()
    assert said in found(files, *parents).blocked


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"package.json": package("api", dependencies={"ms": "2"}), "server.js": ""}, "no lock file"),
        ({**node(), "server.js": "", ".npmrc": "//r/:_authToken=x"}, ".npmrc holds a login"),
        (node(scripts={"start": "nodemon a.js"}), "set CMD"),
        (node(scripts={"start": "node --env-file=.env a.js"}), "reads `--env-file=.env`, which no image holds"),
        ({"requirements.txt": "flask\ngunicorn\n", "app.py": WSGI}, "pins no versions"),
        ({"requirements.txt": "flask==3\n", "app.py": WSGI}, "development server"),
        ({"requirements.txt": "idna==3\n", "lib.py": ""}, "set CMD"),
        (
            {"go.mod": "module a\n", "cmd/a/main.go": "package main\n", "cmd/b/main.go": "package main\n"},
            "MAIN_PACKAGE",
        ),
        ({"Cargo.toml": "[package]\nname = 'a'\n", "src/bin/x.rs": "", "src/bin/y.rs": ""}, "set BIN"),
        ({"pom.xml": "<project/>"}, "MAIN_CLASS"),
        (
            {
                "A.csproj": '<Project Sdk="Microsoft.NET.Sdk.Web"/>',
                "B.csproj": '<Project Sdk="Microsoft.NET.Sdk.Web"/>',
            },
            "PROJECT",
        ),
        ({**SAMPLES["pip"], "package.json": package("page")}, "package.json beside it"),
        ({**node(engines={"node": "99.x"}), "server.js": ""}, "engines.node"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_nothing_says_is_told(files: Mapping[str, str], said: str) -> None:
    assert said in " | ".join(found(files).notes)


def test_the_port_of_the_compose_file_wins() -> None:
    assert found(SAMPLES["go"], wishes=Wishes(port=9999)).port == 9999


def test_a_command_of_the_compose_file_starts_what_has_none() -> None:
    starter = found({"requirements.txt": "", "lib.py": ""}, wishes=Wishes(command=("python", "-m", "lib")))
    assert starter.command == ("python", "-m", "lib")
    assert "set CMD" not in " ".join(starter.notes)


def test_a_command_of_the_compose_file_that_the_image_lacks_is_told() -> None:
    starter = found({**node(), "server.js": ""}, wishes=Wishes(command=("npm", "start")))
    assert "drop `command`" in " ".join(starter.notes)


def test_a_health_route_is_found() -> None:
    assert find_health_path('@app.get("/healthz")') == "/healthz"
    assert find_health_path('@app.get("/unhealthy-people")') == ""


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("", "24"),
        (">=18", "24"),
        (">=18 <21", "20"),
        ("^20.1.0", "20"),
        ("18.x", "18"),
        ("18 || 20", "20"),
        ("18 - 22", "22"),
        (">=20.0.0 <23.0.0", "22"),
        ("<23", "22"),
    ],
)
def test_node_is_the_newest_supported_one_that_engines_allow(wanted: str, version: str) -> None:
    assert node_version({"engines": {"node": wanted}}, folder({}))[0] == version


def test_a_version_file_decides_before_engines() -> None:
    assert node_version({"engines": {"node": ">=20"}}, folder({".nvmrc": "v18.20.1\n"}))[0] == "18"
    assert python_version([">=3.12"], folder({".python-version": "3.11.4\n"}))[0] == "3.11"


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("", "3.13"),
        (">=3.11", "3.13"),
        (">=3.9,<3.12", "3.11"),
        ("^3.10", "3.13"),
        ("~3.10", "3.10"),
        ("3.12", "3.12"),
        ("what", "3.13"),
    ],
)
def test_python_is_the_newest_supported_one_that_the_project_allows(wanted: str, version: str) -> None:
    assert python_version([wanted], folder({}))[0] == version


def test_a_newer_toolchain_builds_older_code() -> None:
    assert at_least("1.19", "1.25") == "1.25"
    assert at_least("1.30", "1.25") == "1.30"
    assert at_least("", "1.25") == "1.25"


@pytest.mark.parametrize("name", SAMPLES)
def test_every_dockerfile_parses_and_has_the_three_stages(name: str) -> None:
    text = render_dockerfile(found(SAMPLES[name]), name, Wishes())
    file = parse_dockerfile(text, path=Path("Dockerfile"))
    assert [stage.name for stage in file.stages if stage.name in ("deps", "build", "runtime")] == [
        "deps",
        "build",
        "runtime",
    ]
    assert max(map(len, text.splitlines())) <= 180
    assert "\n\n\n" not in text


def test_the_last_stage_is_the_one_that_the_compose_file_builds() -> None:
    assert "FROM scratch AS production" in render_dockerfile(found(SAMPLES["pip"]), "pip", Wishes(target="production"))


def test_arguments_of_the_compose_file_are_declared_where_the_source_is_built() -> None:
    text = render_dockerfile(found(SAMPLES["page"]), "page", Wishes(args=("VITE_API",)))
    assert "ARG VITE_API\nCOPY . .\nRUN npm run build" in text


def test_a_page_of_many_paths_falls_back_to_its_index() -> None:
    assert "try_files $uri $uri/ /index.html;" in render_nginx_conf(found(SAMPLES["page"]))


def test_what_is_not_known_fails_when_it_is_built_or_started_and_says_why() -> None:
    several = {"go.mod": "module a\n", "cmd/a/main.go": "package main\n", "cmd/b/main.go": "package main\n"}
    assert ":?set ARG MAIN_PACKAGE" in render_dockerfile(found(several), "api", Wishes())
    assert "exit 1" in render_dockerfile(found({"requirements.txt": "", "lib.py": ""}), "api", Wishes())


def test_the_lock_names_the_version_of_poetry() -> None:
    files = {**SAMPLES["poetry"], "poetry.lock": "# This file is automatically @generated by Poetry 1.8.3 and ..."}
    assert "ARG POETRY_VERSION=1.8.3" in render_dockerfile(found(files), "api", Wishes())


@pytest.mark.parametrize(
    ("lock", "manifest", "line"),
    [
        ("pnpm-lock.yaml", {}, "ARG PNPM_VERSION=9.15.9"),
        ("pnpm-lock.yaml", {"packageManager": "pnpm@8.6.0+sha.1"}, "ARG PNPM_VERSION=8.6.0"),
        ("yarn.lock", {}, "ARG YARN_VERSION=1.22.22"),
        ("yarn.lock", {"packageManager": "yarn@4.1.0"}, "@yarnpkg/cli-dist@${YARN_VERSION}"),
    ],
)
def test_the_package_manager_is_the_one_of_the_lock_file(lock: str, manifest: Mapping[str, str], line: str) -> None:
    files = {
        "package.json": package("api", dependencies={"ms": "2"}, **manifest),
        lock: "lockfileVersion: '9.0'",
        "server.js": "",
    }
    assert line in render_dockerfile(found(files), "api", Wishes())


def test_scripts_of_developers_do_not_run_in_the_install() -> None:
    text = render_dockerfile(found(SAMPLES["npm"]), "npm", Wishes())
    assert "RUN npm pkg delete scripts.prepare" in text
    assert "npm run prepare" not in text


def test_a_script_that_an_install_ends_with_runs_with_the_source() -> None:
    files = node(
        scripts={"postinstall": "node gen.js", "build": "tsc", "start": "node dist/a.js"}, dependencies={"ms": "2"}
    )
    assert "npm run postinstall && npm run build" in render_dockerfile(found(files), "api", Wishes())


def test_a_compose_file_quotes_what_has_to_be() -> None:
    text = render_compose_file([Composed("api", "./my api", 3000, 3001, "512m")])
    assert 'build: "./my api"' in text
    assert 'ports: ["127.0.0.1:3001:3000"]' in text


def test_a_folder_without_a_manifest_is_nothing() -> None:
    assert detect(folder({"README.md": "", "main.c": ""})) is None
    assert detect(folder({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"})) is None


@pytest.mark.parametrize("name", SAMPLES)
def test_a_broken_manifest_never_raises(name: str) -> None:
    for path in SAMPLES[name]:
        for text in ("", "\0", "{", "[" * 100, json.dumps({"scripts": 1, "dependencies": [], "engines": "x"}), "<a/>"):
            starter = detect(folder({**SAMPLES[name], path: text}))
            if starter and not starter.blocked:
                render_dockerfile(starter, name, Wishes())
