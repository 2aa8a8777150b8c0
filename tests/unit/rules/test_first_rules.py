"""The rules LP001 to LP009 at their edges."""

from __future__ import annotations

import pytest

from layerproof.settings import Config, Policy
from tests.mangle import no_hang
from tests.unit.rules.subjects import RULES, block, build, compose, context, findings, lines, script

STAGES = Config(policy=Policy(stages=("deps", "build", "runtime")))
DEPS = "FROM base AS deps\n"


@pytest.mark.parametrize(
    ("identifier", "text", "expected"),
    [
        pytest.param("LP001", "FROM a AS Deps\nFROM a AS BUILD\nFROM a AS Runtime\n", [], id="LP001 takes any case"),
        pytest.param(
            "LP001", "FROM a AS deps\nFROM a AS lint\nFROM a AS build\nFROM a AS runtime\n", [], id="LP001 more"
        ),
        pytest.param("LP001", "FROM a AS build\nFROM a AS deps\nFROM a AS runtime\n", [1], id="LP001 another order"),
        pytest.param("LP001", "ARG V=1\n\nFROM a AS deps\nFROM a AS build\n", [3], id="LP001 a missing stage"),
        pytest.param("LP002", DEPS + "COPY package.json src ./\n", [2], id="LP002 a folder beside a manifest"),
        pytest.param("LP002", DEPS + "COPY --from=x /all /all\n", [], id="LP002 a copy from an image"),
        pytest.param("LP002", DEPS + "ADD git@example.com:x.git /x\nADD https://x/y.tgz /y\n", [], id="LP002 URLs"),
        pytest.param("LP002", DEPS + "COPY <<EOF /etc/x\na\nEOF\n", [], id="LP002 a here-document"),
        pytest.param("LP002", DEPS + 'COPY ["package.json", "a b.js", "/x/"]\n', [2], id="LP002 the JSON form"),
        pytest.param("LP002", DEPS + "RUN --mount=type=bind,target=/src make\n", [2], id="LP002 a mount of everything"),
        pytest.param("LP002", DEPS + "RUN --mount=type=cache,target=/c make\n", [], id="LP002 a cache mount"),
        pytest.param("LP002", "FROM a AS build\nCOPY . .\n", [], id="LP002 another stage"),
        pytest.param(
            "LP002", "FROM a AS deps\nCOPY pins.txt ./\nRUN pip install -r pins.txt\n", [], id="LP002 what pip is given"
        ),
        pytest.param(
            "LP002", DEPS + "COPY corp.crt /usr/local/share/ca-certificates/\n", [], id="LP002 what an install needs"
        ),
        pytest.param("LP002", DEPS + "COPY corp.crt /app/\n", [2], id="LP002 a certificate of the application"),
        pytest.param("LP002", DEPS + "COPY deps.ts ./\nRUN deno cache deps.ts\n", [], id="LP002 what Deno is given"),
        pytest.param(
            "LP003", DEPS + "COPY . .\nFROM deps AS build\nRUN npm ci\n", [4], id="LP003 source in the parent"
        ),
        pytest.param("LP003", DEPS + 'COPY src src\nRUN ["npm", "ci"]\n', [3], id="LP003 the exec form"),
        pytest.param("LP003", DEPS + "COPY src src\nRUN <<EOF\nset -e\nnpm ci\nEOF\n", [3], id="LP003 a here-document"),
        pytest.param("LP003", DEPS + "COPY src src\nRUN apt-get install -y yarn\n", [3], id="LP003 system packages"),
        pytest.param("LP003", DEPS + "COPY src src\nRUN echo npm ci\n", [], id="LP003 words only"),
        pytest.param("LP003", DEPS + "RUN --mount=type=bind,target=/s npm ci\n", [2], id="LP003 a mount of the source"),
        pytest.param("LP003", DEPS + "COPY src src\nRUN npm ci\nFROM x AS runtime\n", [], id="LP003 a stage not built"),
        pytest.param(
            "LP003",
            "FROM b AS s\nWORKDIR /app\nCOPY . .\nFROM b AS deps\nCOPY --from=s /app /app\nRUN npm ci\n",
            [6],
            id="LP003 the folder of a stage with source",
        ),
        pytest.param(
            "LP003",
            "FROM b AS s\nWORKDIR /app\nCOPY . .\nFROM b AS deps\nCOPY --from=s /app/package.json .\nRUN npm ci\n",
            [],
            id="LP003 a manifest of a stage with source",
        ),
        pytest.param(
            "LP003",
            "FROM b\nCOPY src/corp.crt /usr/local/share/ca-certificates/\nRUN apt-get install -y curl\n",
            [],
            id="LP003 a certificate that the install needs",
        ),
        pytest.param(
            "LP003",
            DEPS + "COPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n",
            [],
            id="LP003 source after the install",
        ),
    ],
)
def test_dockerfile_rules(identifier: str, text: str, expected: list[int]) -> None:
    config = STAGES if identifier == "LP001" else Config()
    assert lines(identifier, build(text, config=config)) == expected


SERVICE = "services:\n  web:\n    image: web\n"
TWO = "services:\n  a:\n    build: {{context: {0}}}\n  b:\n    build: {{context: {1}}}\n"
GPU = "    deploy: {resources: {reservations: {devices: [{driver: nvidia, capabilities: [gpu]}]}}}\n"


@pytest.mark.parametrize(
    ("identifier", "text", "words"),
    [
        pytest.param("LP004", TWO.format("./x", "./x"), [], id="LP004 a worker of the same build"),
        pytest.param(
            "LP004",
            TWO.format("./x", "./x").replace("build:", "image: {0}\n    build:"),
            [],
            id="LP004 a worker of the same image",
        ),
        pytest.param(
            "LP004",
            TWO.format("./x", "./x").replace("a:\n", "a:\n    image: one\n").replace("b:\n", "b:\n    image: two\n"),
            ["b shares its build context with a"],
            id="LP004 two images of one build",
        ),
        pytest.param(
            "LP004",
            TWO.format("./x", "./x, target: other"),
            ["b shares its build context with a"],
            id="LP004 two targets in one context",
        ),
        pytest.param("LP004", TWO.format("./x", "./x/y"), ["of a encloses the one of b"], id="LP004 inside"),
        pytest.param("LP004", TWO.format("./x", "./xy"), [], id="LP004 a common beginning of the name"),
        pytest.param("LP006", SERVICE + GPU, ["web reserves a GPU it does not need"], id="LP006 one too many"),
        pytest.param(
            "LP006", SERVICE.replace("web", "pose-service"), ["pose-service needs a GPU"], id="LP006 one too few"
        ),
        pytest.param("LP006", SERVICE.replace("web", "pose-service") + GPU, [], id="LP006 the one that is needed"),
        pytest.param(
            "LP006",
            SERVICE.replace("web", "pose-service") + "    gpus: [{count: -1}]\n",
            ["driver unset"],
            id="LP006 the short form names no driver",
        ),
        pytest.param("LP006", SERVICE + "    deploy: {resources: {limits: {cpus: 1}}}\n", [], id="LP006 limits only"),
        pytest.param("LP008", SERVICE + "    volumes: ['/mnt/data/x:/x']\n", [], id="LP008 a disk of Linux"),
        pytest.param("LP008", SERVICE + "    volumes: ['data:/mnt/c']\n", [], id="LP008 a path in the container"),
        pytest.param("LP008", SERVICE + "    build: {context: /mnt/d/web}\n", ["build context"], id="LP008 a context"),
        pytest.param(
            "LP009", SERVICE + "    entrypoint: [pip, install, x]\n", ["entrypoint"], id="LP009 an entrypoint"
        ),
        pytest.param(
            "LP009",
            SERVICE + "    healthcheck: {test: [CMD-SHELL, 'apt-get install -y curl && curl x']}\n",
            ["health check"],
            id="LP009 a health check",
        ),
        pytest.param("LP009", SERVICE + "    command: npm run install-hooks\n", [], id="LP009 a script's name"),
        pytest.param("LP009", SERVICE + "    healthcheck: {disable: true}\n", [], id="LP009 no health check"),
    ],
)
def test_compose_rules(identifier: str, text: str, words: list[str]) -> None:
    found = [message for _, message in findings(identifier, compose(text))]
    assert len(found) == len(words)
    assert all(part in message for part, message in zip(words, found, strict=True))


def test_a_windows_drive_that_is_allowed_is_no_breach() -> None:
    text = SERVICE + "    volumes: ['/mnt/c/x:/x']\n"
    assert len(findings("LP008", compose(text))) == 1
    assert findings("LP008", compose(text, config=Config(allow_mnt=True))) == []


GOOD_IGNORE = block(RULES["LP005"], "Good")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, ["there is no .dockerignore"], id="no file"),
        pytest.param("**\n!src\n", [], id="everything but the source"),
        pytest.param(GOOD_IGNORE.replace("data/", "data/*"), [], id="the content of a folder"),
        pytest.param(GOOD_IGNORE.replace("**/*.log", "*.log"), ["pkg/app.log"], id="at the top only"),
        pytest.param(GOOD_IGNORE + "!app.log\n", ["app.log"], id="an exception that lets one through"),
        pytest.param(GOOD_IGNORE.replace(".env\n", ""), [".env reach the build context"], id="secrets"),
    ],
)
def test_ignore_files(text: str | None, words: list[str]) -> None:
    found = [message for _, message in findings("LP005", context(text))]
    assert len(found) == len(words)
    assert all(part in message for part, message in zip(words, found, strict=True))


def test_an_empty_ignore_file_lets_all_eight_through_and_says_so_once() -> None:
    [(line, message)] = findings("LP005", context(""))
    assert (line, len(message.partition(": add ")[2].split(", "))) == (1, 8)


def test_what_layerproof_keeps_stays_out_as_well() -> None:
    files = {"app.py": 1, "shop/.layerproof/records/build.json": 1}
    assert ["**/.layerproof" in message for _, message in findings("LP005", context(GOOD_IGNORE, files=files))] == [
        True
    ]
    mended = RULES["LP005"].mend
    assert mended is not None
    assert mended(context(GOOD_IGNORE, files=files), GOOD_IGNORE) == f"{GOOD_IGNORE}**/.layerproof\n"
    assert findings("LP005", context(GOOD_IGNORE, files={"app.py": 1, "x.layerproof/y": 1})) == []


@pytest.mark.parametrize(
    ("step", "path", "left"),
    [
        pytest.param("COPY src src", "src/data/countries.json", "", id="a folder of that name further down"),
        pytest.param("COPY data/seed.json /data/", "data/seed.json", "data/", id="a file that a step names"),
        pytest.param("COPY data /data", "data/seed.json", "data/", id="a folder that a step names"),
        pytest.param("COPY . .", "data/__init__.py", "data/", id="a package that is called data"),
        pytest.param("COPY . .", "data/dump.bin", "", id="what comes with everything else"),
        pytest.param("COPY models /models", "models/a.pkl", "**/*.pkl", id="a model in a folder that a step takes"),
        pytest.param("COPY .env ./", ".env", "**/.env", id="secrets that a step names"),
        pytest.param("COPY web web", "web/node_modules/a.js", "", id="dependencies in a folder that a step takes"),
        pytest.param("RUN --mount=type=bind,source=.git,target=.git git log", ".git/HEAD", "**/.git", id="a mount"),
    ],
)
def test_the_mended_ignore_file_keeps_out_nothing_that_a_step_takes(step: str, path: str, left: str) -> None:
    mended = RULES["LP005"].mend
    assert mended is not None
    subject = context("", files={path: 1, "app.py": 1}, dockerfile=f"FROM x:1\n{step}\n")
    assert mended(subject, "").split() == [line for line in GOOD_IGNORE.split() if line != left]
    [(_, message)] = findings("LP005", subject)
    assert ("a step takes" in message) is bool(left)


def test_what_an_exception_lets_through_is_told_at_its_line() -> None:
    text = GOOD_IGNORE + "# models\n!weights/model.pkl\n!**/*.pkl\n"
    assert lines("LP005", context(text)) == [len(GOOD_IGNORE.splitlines()) + 3]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("run.sh", "#!/bin/sh\n# npm install\necho npm install\nnpm start\n", [], id="words about it"),
        pytest.param("run.sh", "cd web && npm ci\nexec pip install x\n", [1, 2], id="two lines"),
        pytest.param("run.sh", "true # npm install\n", [], id="a comment at the end of a line"),
        pytest.param("run.sh", "cat <<EOF\nfirst:\n  npm install\nEOF\nexec x\n", [], id="a text that is printed"),
        pytest.param("run.sh", "true\nbash <<'EOF'\nnpm ci\nEOF\nnpm i\n", [2, 5], id="a text that a shell runs"),
        pytest.param("run.sh", 'echo "first:\n  pip install x\n"\nexec x\n', [], id="a text over several lines"),
        pytest.param("run.sh", "docker compose run web \\\n  npm install\n", [], id="another container"),
        pytest.param("run.sh", "true && \\\n  npm install\n", [1], id="an install on a line of its own"),
        pytest.param("package.json", '{"scripts": {"start": "node ."}}', [], id="npm scripts that install nothing"),
        pytest.param(
            "package.json", '{"name": "start",\n"scripts": {\n"start": "npm i && node ."}}', [3], id="an npm script"
        ),
        pytest.param(
            "package.json", '{"scripts": {"setup": "npm i"}}', [], id="a script that npm never runs by itself"
        ),
        pytest.param("package.json", '{"scripts": ["npm i"]}', [], id="scripts that are no table"),
        pytest.param("package.json", '{"scripts": null}', [], id="no scripts"),
        pytest.param("package.json", "[]", [], id="a list"),
        pytest.param("package.json", "{", [], id="broken JSON"),
    ],
)
def test_scripts(name: str, text: str, expected: list[int]) -> None:
    assert lines("LP007", script(text, name=name)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("COPY dev-requirements.txt ./\nRUN pip install -r dev-requirements.txt\n", [], id="by name"),
        pytest.param("COPY pins.txt ./\nRUN pip install -rpins.txt\n", [], id="as it is told"),
        pytest.param("COPY env.yaml /tmp/\nRUN micromamba install -y -f /tmp/env.yaml\n", [], id="conda"),
        pytest.param("COPY composer.* symfony.* ./\nRUN composer install --no-scripts\n", [], id="Symfony"),
        pytest.param("COPY vendor/* ./vendor/\nCOPY Gemfile ./\nRUN bundle install\n", [], id="Rails"),
        pytest.param("COPY .ruby-version Gemfile* ./\nRUN bundle install\n", [], id="a version of Ruby"),
        pytest.param("COPY .cargo .cargo\nCOPY Cargo.* ./\nRUN cargo fetch\n", [], id="settings of Cargo"),
        pytest.param("COPY *.sln NuGet.config ./\nRUN dotnet restore\n", [], id="NuGet"),
        pytest.param("COPY notes.txt ./\nRUN pip install -r pins.txt\n", [3], id="another text"),
        pytest.param(
            "COPY renv.lock .Rprofile ./\nCOPY renv/activate.R renv/\nRUN Rscript -e 'renv::restore()'\n", [], id="renv"
        ),
        pytest.param("COPY x.deb /tmp/\nRUN dpkg -i /tmp/x.deb\n", [], id="a package of the distribution"),
        pytest.param("COPY cpanfile* ./\nRUN cpanm --installdeps .\n", [], id="Perl"),
        pytest.param("COPY src src\nRUN docker-php-ext-install gd\n", [3], id="an extension of PHP below source"),
        pytest.param("COPY src src\nRUN conda run -n x pip install y\n", [3], id="in an environment, below source"),
    ],
)
def test_lp003_takes_what_an_install_reads_for_no_source(text: str, expected: list[int]) -> None:
    found = (
        "dev-requirements.txt",
        "pins.txt",
        "notes.txt",
        "env.yaml",
        "symfony.lock",
        "composer.json",
        "vendor/.keep",
    )
    found += (".ruby-version", "Gemfile", ".cargo/config.toml", "Cargo.toml", "shop.sln", "NuGet.config", "src/a.py")
    found += ("renv.lock", ".Rprofile", "renv/activate.R", "x.deb", "cpanfile", "cpanfile.snapshot")
    assert lines("LP003", build(f"FROM x\n{text}", files=found)) == expected


@pytest.mark.parametrize(
    ("copied", "install", "is_told"),
    [
        pytest.param("package.json tsconfig.json vite.config.ts .babelrc ./", "npm ci", False, id="settings"),
        pytest.param("tsconfig*.json babel.config.cjs ./", "npm ci", False, id="settings by a pattern"),
        pytest.param("docker/entrypoint.sh /entrypoint.sh", "apt-get install -y x", False, id="an entry point"),
        pytest.param("php.ini /usr/local/etc/php/", "docker-php-ext-install gd", False, id="settings of PHP"),
        pytest.param("package.json tsconfig.json src ./", "npm ci", True, id="source beside settings"),
        pytest.param("docker /docker", "apt-get install -y x", True, id="a folder with an entry point"),
        pytest.param("*.js ./", "npm ci", True, id="a pattern that source matches"),
        pytest.param("index.js ./", "npm ci", True, id="a program"),
        pytest.param("deno.json deps.ts ./", "deno cache deps.ts", False, id="what Deno is given"),
        pytest.param("deps.ts ./", "deno install --entrypoint=deps.ts", False, id="what Deno is given as an entry"),
        pytest.param("deno.json deps.ts ./", "deno install", True, id="what Deno is not given"),
        pytest.param("main.ts ./", "deno cache main.ts", True, id="a program of Deno"),
    ],
)
def test_lp003_is_silent_about_settings_that_are_named_alone(copied: str, install: str, is_told: bool) -> None:
    found = ("package.json", "tsconfig.json", "vite.config.ts", "babel.config.cjs", ".babelrc", "src/a.ts", "index.js")
    found += ("docker/entrypoint.sh", "docker/nginx.conf", "docker/a.py", "php.ini", "deno.json", "deps.ts", "main.ts")
    subject = build(f"FROM x\nCOPY {copied}\nRUN {install}\n", files=found)
    assert lines("LP003", subject) == [3] * is_told


def test_lp003_judges_each_step_once_however_the_stages_copy_from_each_other() -> None:
    stages = ["FROM b AS s0\nWORKDIR /app\nCOPY . .\n"]
    stages += [f"FROM b AS s{n}\nWORKDIR /app\nCOPY --from=s{n - 1} /app /app\nRUN make\n" for n in range(1, 60)]
    text = "".join(stages) + "FROM b\nCOPY --from=s59 /app /app\nRUN npm ci\n"
    with no_hang():
        assert len(findings("LP003", build(text))) == 1
