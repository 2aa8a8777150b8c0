"""Which commands of a RUN bring dependencies in, of which kind each is, and what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerproof.commands import Command, find_commands, shell_text
from layerproof.dockerfile import parse_dockerfile
from layerproof.model import Instruction


def instruction(text: str) -> Instruction:
    return parse_dockerfile(f"FROM x\n{text}\n", path=Path("Dockerfile")).stages[0].instructions[0]


def commands(shell: str) -> tuple[Command, ...]:
    return find_commands(instruction(f"RUN {shell}"))


def said(shell: str) -> list[str]:
    """`install npm` for each command."""
    return [f"{command.kind} {command.tool}" for command in commands(shell)]


NODE = {
    "npm ci": "install npm",
    "npm ci --omit=dev && npm cache clean --force": "install npm",
    "npm install --production": "install npm",
    "npm clean-install": "install npm",
    "npm --prefix web ci": "install npm",
    "npm --workspace=web ci": "install npm",
    "npm -w web ci": "install npm",
    "NODE_ENV=production npm ci": "install npm",
    "npm_config_cache=/tmp/c npm ci": "install npm",
    "/usr/local/bin/npm ci": "install npm",
    "npm set progress=false && npm ci": "install npm",
    "npm update": "install npm",
    "corepack enable && pnpm install --frozen-lockfile": "install pnpm",
    "pnpm fetch --prod": "install pnpm",
    "pnpm --filter=web... install": "install pnpm",
    "yarn": "install yarn",
    "yarn --frozen-lockfile --production=true": "install yarn",
    "yarn install --immutable": "install yarn",
    "yarn workspaces focus --production": "install yarn",
    "bun install --frozen-lockfile": "install bun",
    "npx playwright install --with-deps chromium": "fetch npx",
    "npx --yes playwright install chromium": "fetch npx",
}
PYTHON = {
    "pip install -r requirements.txt": "install pip",
    "pip3.12 install --no-cache-dir -r requirements.txt": "install pip",
    "pip --no-cache-dir install flask": "install pip",
    "python3 -m pip install -r requirements.txt": "install pip",
    "/opt/venv/bin/python -m pip install flask": "install pip",
    ". venv/bin/activate && pip install -r requirements.txt": "install pip",
    "pip install git+https://github.com/x/y#egg=y": "install pip",
    "pip install dist/*.whl": "install pip",
    "pip install ./dist/app-1.0-py3-none-any.whl": "install pip",
    "pip install --no-index --find-links=/wheels -r requirements.txt": "install pip",
    "pip wheel --wheel-dir /wheels -r requirements.txt": "install pip",
    "pip download -r requirements.txt": "install pip",
    "pip install -r requirements.txt .": "install pip",
    "pip install --no-deps -r requirements.txt": "install pip",
    "pip install .": "project pip",
    "pip install ./": "project pip",
    "pip install -e .": "project pip",
    'pip install ".[dev]"': "project pip",
    "pip install -e '.[dev,test]' --no-build-isolation": "project pip",
    "pip install --prefix=/install .": "project pip",
    "pip install --target /opt .": "project pip",
    "pip install /app": "project pip",
    "pip install -c constraints.txt .": "project pip",
    "pip install --extra-index-url https://pypi.example/simple .": "project pip",
    "pip install --editable=.": "project pip",
    "uv pip install --system -r requirements.txt": "install pip",
    "uv pip sync requirements.txt": "install pip",
    "uv pip install -e .": "project pip",
    "uv sync --frozen --no-install-project": "install uv",
    "uv sync --frozen --no-install-workspace": "install uv",
    "uv sync --frozen": "project uv",
    "uv --no-progress sync --frozen": "project uv",
    "uv --directory app sync --frozen": "project uv",
    "uv add flask": "install uv",
    "uv tool install ruff": "install uv",
    "poetry install --no-root --only main": "install poetry",
    "poetry config virtualenvs.create false && poetry install": "project poetry",
    "pdm install --prod --no-self": "install pdm",
    "pdm sync --no-self": "install pdm",
    "pdm install --prod": "project pdm",
    "pipenv install --system --deploy": "install pipenv",
    "pipenv sync": "install pipenv",
    "pipx install poetry": "install pipx",
    "conda env create -f environment.yml": "install conda",
    "micromamba install -y -n base -f environment.yml": "install micromamba",
}
COMPILED = {
    "go mod download": "install go",
    "go mod download -x all": "install go",
    "go get ./...": "install go",
    "go install golang.org/x/tools/cmd/goimports@v0.1.0": "install go",
    "go build": "build go",
    "go build -o x ./cmd/x": "build go",
    "go build -o install ./cmd/x": "build go",
    'CGO_ENABLED=0 go build -ldflags="-s -w" ./...': "build go",
    "go install ./cmd/app": "build go",
    "go test ./...": "build go",
    "go vet ./...": "build go",
    "go -C app build": "build go",
    "cargo fetch --locked": "install cargo",
    "cargo chef cook --release --recipe-path recipe.json": "install cargo",
    "cargo install cargo-chef --locked": "install cargo",
    "cargo install --path .": "build cargo",
    "cargo build --release": "build cargo",
    "cargo +nightly build": "build cargo",
    "cargo b -r": "build cargo",
    "cargo --locked build --release": "build cargo",
    "mvn dependency:go-offline": "install mvn",
    "mvn -B dependency:resolve": "install mvn",
    "./mvnw -q dependency:go-offline": "install mvnw",
    "mvn org.apache.maven.plugins:maven-dependency-plugin:3.6.1:go-offline": "install mvn",
    "mvn dependency:resolve-plugins": "install mvn",
    "mvn -q clean package -DskipTests": "build mvn",
    "mvn -pl api -am verify": "build mvn",
    "gradle dependencies --no-daemon": "build gradle",
    "./gradlew bootJar": "build gradlew",
    "sbt update": "build sbt",
    'dotnet restore "src/App.csproj"': "install dotnet",
    "dotnet publish -c Release -o /out": "build dotnet",
    "dotnet build": "build dotnet",
    "swift package resolve": "install swift",
    "swift build -c release": "build swift",
    "mix deps.get --only prod": "install mix",
    "MIX_ENV=prod mix release": "build mix",
    "mix do deps.get, deps.compile": "install mix",
    "dart pub get": "install dart",
    "flutter build web": "build flutter",
}
OTHERS = {
    "npx --yes playwright@1.4 install": "fetch npx",
    "pnpm dlx playwright install --with-deps": "fetch npx",
    "npm exec playwright install": "fetch npx",
    "npm exec --yes -- playwright install chromium": "fetch npx",
    "yarn playwright install": "fetch npx",
    "uvx playwright install": "fetch playwright",
    "python -m playwright install": "fetch playwright",
    "docker-php-ext-install intl": "system docker-php-ext-install",
    "install-php-extensions gd": "system install-php-extensions",
    "pecl install redis": "system pecl",
    "dpkg -i x.deb": "system dpkg",
    "dnf -y group install 'Development Tools'": "system dnf",
    "cpanm --installdeps .": "install cpanm",
    "Rscript -e 'renv::restore()'": "install renv",
    "Rscript -e 'install.packages(\"renv\"); renv::restore()'": "install renv",
    "R -e 'install.packages(\"renv\")' -e 'renv::restore()'": "install renv",
    "Rscript -e 'install.packages(\"x\")'": "install R",
    "python setup.py develop": "project setup.py",
    "composer i --no-scripts": "install composer",
    "rye sync": "project rye",
    "cabal build --only-dependencies": "install cabal",
    "stack build": "build stack",
    "pip-sync": "install pip",
    "composer install --no-scripts --no-autoloader": "install composer",
    "composer install --no-dev": "project composer",
    "bundle install --jobs 4": "install bundle",
    "bundle config set without dev && bundle install": "install bundle",
    "gem install bundler": "install gem",
    "apt-get update && apt-get install -y curl": "system apt-get",
    "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install x": "system apt-get",
    "apt-get -o Acquire::Retries=3 install -y x": "system apt-get",
    "apk --no-cache add git": "system apk",
    "dnf install -y git": "system dnf",
    "curl -fsSL https://x.example/y -o /z": "fetch curl",
    "curl -sSL https://install.python-poetry.org | python3 -": "fetch curl",
    "wget -q https://x.example/y.tar.gz": "fetch wget",
    "git clone --depth 1 https://x.example/y": "fetch git",
    "hf download a/b": "fetch hf",
    "aws s3 cp s3://b/k .": "fetch aws",
    "curl -fsSLO https://localhost.example.com/tool.tar.gz": "fetch curl",
    "curl -fsSL $TOOL_URL -o /usr/local/bin/tool": "fetch curl",
}


@pytest.mark.parametrize(
    ("shell", "expected"), [pair for group in (NODE, PYTHON, COMPILED, OTHERS) for pair in group.items()]
)
def test_a_command_is_of_a_kind_and_of_a_tool(shell: str, expected: str) -> None:
    assert said(shell) == [expected]


NOTHING = [
    pytest.param("npm run build", id="a script"),
    pytest.param("npm prune --omit=dev", id="taking packages away"),
    pytest.param("npm --version", id="a version"),
    pytest.param("npm run install-hooks", id="a script whose name begins like an install"),
    pytest.param("corepack prepare pnpm@9 --activate", id="the package manager's name after another program"),
    pytest.param("pip install --no-deps .", id="the project without its dependencies"),
    pytest.param("uv pip install --no-deps -e .", id="the project without its dependencies, by uv"),
    pytest.param("pip freeze", id="a list"),
    pytest.param("uv lock", id="a lock"),
    pytest.param("uv run app.py", id="a start"),
    pytest.param("poetry build", id="a wheel of the project"),
    pytest.param("go version", id="go without a build"),
    pytest.param("go generate ./...", id="a generator"),
    pytest.param("go build -mod=vendor ./...", id="go from its vendor folder"),
    pytest.param("go build -mod vendor ./...", id="go from its vendor folder, with a blank"),
    pytest.param("GOFLAGS=-mod=vendor go build ./...", id="go from its vendor folder, by the environment"),
    pytest.param("cargo build --release --offline", id="cargo without the network"),
    pytest.param("cargo build --release --frozen", id="cargo frozen"),
    pytest.param("cargo chef prepare --recipe-path recipe.json", id="a recipe"),
    pytest.param("mvn -o package", id="maven without the network"),
    pytest.param("mvn -B --offline package", id="maven without the network, long"),
    pytest.param("./gradlew build --offline", id="gradle without the network"),
    pytest.param("./gradlew --offline build", id="gradle without the network, flag first"),
    pytest.param("dotnet publish --no-restore -c Release", id="dotnet without its restore"),
    pytest.param("dotnet publish --no-build -c Release", id="dotnet that only packs what is built"),
    pytest.param("gradle --version", id="gradle's version"),
    pytest.param("pnpm install -r --offline --prod", id="pnpm without the network"),
    pytest.param("bundle install --local", id="bundler without the network"),
    pytest.param("composer dump-autoload --optimize", id="an autoloader"),
    pytest.param("bundle exec rake assets:precompile", id="a program of the bundle"),
    pytest.param("apt-get update", id="a list of packages"),
    pytest.param("apk del build-deps", id="a package that goes"),
    pytest.param("curl -f http://localhost:8080/health || exit 1", id="a health check by name"),
    pytest.param("curl -f http://127.0.0.1:8080/", id="a health check by address"),
    pytest.param("curl -f http://0.0.0.0:8080/health", id="a health check of any address"),
    pytest.param("curl -f http://[::1]:8080/health", id="a health check by address of version 6"),
    pytest.param("curl --version", id="curl without an address"),
    pytest.param("git --version", id="git without a clone"),
    pytest.param("echo npm ci", id="words of echo"),
    pytest.param('echo "x; npm ci"', id="a command inside the words of echo"),
    pytest.param("echo 'npm ci' > run.sh", id="a script that echo writes"),
    pytest.param(r'printf "pip install x\n" >> notes', id="words of printf"),
    pytest.param("true # npm ci", id="a comment"),
    pytest.param("grep -q 'npm ci' README", id="words of grep"),
    pytest.param("mkdir npm && cp npm ci", id="files that are called so"),
    pytest.param("install -d /data", id="the program install"),
    pytest.param("make install", id="a target of make"),
    pytest.param("cat <<EOF > /run.sh\nnpm ci\nEOF", id="a script that cat writes"),
    pytest.param("tee /run.sh <<'EOF'\nset -e\npip install x\nEOF", id="a script that tee writes"),
]


@pytest.mark.parametrize("shell", NOTHING)
def test_what_looks_alike_brings_nothing_in(shell: str) -> None:
    assert said(shell) == []


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        pytest.param("cd web && npm ci", ["install npm"], id="after a change of folder"),
        pytest.param("(cd web; npm ci)", ["install npm"], id="in a subshell"),
        pytest.param("{ npm ci; }", ["install npm"], id="in a group"),
        pytest.param("if [ -f x ]; then yarn; else npm ci; fi", ["install yarn", "install npm"], id="in both branches"),
        pytest.param("for d in a b; do npm ci --prefix $d; done", ["install npm"], id="in a loop"),
        pytest.param("set -eux; npm ci;", ["install npm"], id="after set, with a semicolon at its end"),
        pytest.param("! npm ci", ["install npm"], id="negated"),
        pytest.param("npm ci & wait", ["install npm"], id="in the background"),
        pytest.param("cat r.txt | xargs pip install", ["install pip"], id="as what xargs starts"),
        pytest.param("cat r.txt | xargs -n 1 pip install", ["install pip"], id="as what xargs with options starts"),
        pytest.param("sh -c 'npm ci'", ["install npm"], id="in sh -c"),
        pytest.param("/bin/sh -ec 'npm ci'", ["install npm"], id="in sh with two options"),
        pytest.param('bash -c "npm ci"', ["install npm"], id="in bash -c"),
        pytest.param('bash -lc "npm ci"', ["install npm"], id="in a login shell"),
        pytest.param('bash -o pipefail -c "npm ci"', ["install npm"], id="in a shell with an option"),
        pytest.param("sudo -E npm ci", ["install npm"], id="by sudo"),
        pytest.param("sudo -u node npm ci", ["install npm"], id="by sudo as a user"),
        pytest.param('su node -c "npm ci"', ["install npm"], id="by su"),
        pytest.param("timeout 600 npm ci", ["install npm"], id="with a limit"),
        pytest.param('NODE_OPTIONS="--a --b" npm ci', ["install npm"], id="after a variable in quotes"),
        pytest.param("gosu node npm ci", ["install npm"], id="by gosu"),
        pytest.param("time npm ci", ["install npm"], id="with the time"),
        pytest.param("env CI=1 npm ci", ["install npm"], id="by env"),
        pytest.param("x=$(pip download a)", ["install pip"], id="in a substitution"),
        pytest.param(
            "npm ci \\\n  # why\n  --omit=dev \\\n  && npm run build", ["install npm"], id="over several lines"
        ),
        pytest.param("apt-get update \\\n && apt-get install -y \\\n   git", ["system apt-get"], id="an aligned list"),
        pytest.param("--mount=type=cache,target=/root/.npm npm ci", ["install npm"], id="after a cache mount"),
        pytest.param("--mount=type=secret,id=a --network=host npm ci", ["install npm"], id="after other flags"),
        pytest.param('["npm", "ci"]', ["install npm"], id="in exec form"),
        pytest.param('["sh", "-c", "npm ci && npm run build"]', ["install npm"], id="in exec form with a shell"),
        pytest.param('["/bin/bash", "-c", "npm ci"]', ["install npm"], id="in exec form with bash"),
        pytest.param('["pip", "install", "-r", "requirements.txt"]', ["install pip"], id="pip in exec form"),
        pytest.param("<<EOF\nset -e\nnpm ci\ngo build\nEOF", ["install npm", "build go"], id="in a here-document"),
        pytest.param("<<'EOF' bash -e\n\tnpm ci\nEOF", ["install npm"], id="in a here-document for bash"),
        pytest.param("<<EOF\n# npm ci\necho npm ci\nEOF", [], id="a comment and echo in a here-document"),
        pytest.param('echo "it\'s" && npm ci', ["install npm"], id="after echo with an apostrophe"),
        pytest.param("echo it\\'s && npm ci; echo 'x'", ["install npm"], id="after echo with an escaped apostrophe"),
        pytest.param("cat <<EOF > a && npm ci\nhi\nEOF", ["install npm"], id="on the line that opens a here-document"),
        pytest.param(
            "apt-get install -y gcc && pip install x && apt-get purge -y gcc",
            ["system apt-get", "install pip"],
            id="two package managers in order",
        ),
    ],
)
def test_a_command_counts_wherever_one_can_stand(shell: str, expected: list[str]) -> None:
    assert said(shell) == expected


@pytest.mark.parametrize(
    ("shell", "text", "words"),
    [
        pytest.param("npm  ci --omit=dev", "npm ci", ("--omit=dev",), id="words follow the beginning"),
        pytest.param("pip install -r 'a b.txt'", "pip install", ("-r", "a b.txt"), id="quotes are taken away"),
        pytest.param('sh -c "pip install -r r.txt"', "pip install", ("-r", "r.txt"), id="a quote that is left open"),
        pytest.param("npm ci", "npm ci", (), id="no words"),
    ],
)
def test_a_command_keeps_its_words(shell: str, text: str, words: tuple[str, ...]) -> None:
    (found,) = commands(shell)
    assert (found.text, found.words) == (text, words)


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        pytest.param("cpanm Mojolicious", True, id="a module of Perl"),
        pytest.param("cpanm --installdeps .", False, id="what a cpanfile names"),
        pytest.param("Rscript -e 'install.packages(\"x\")'", True, id="a package of R"),
        pytest.param("Rscript -e 'renv::restore()'", False, id="what renv has locked"),
        pytest.param("luarocks install busted", True, id="a rock"),
        pytest.param("luarocks install --only-deps app.rockspec", False, id="what a rockspec names"),
        pytest.param("opam install dune", True, id="a package of OCaml"),
        pytest.param("opam install . --deps-only", False, id="what an opam file names"),
        pytest.param("composer r monolog", True, id="a short verb"),
        pytest.param("lein deps", False, id="what project.clj names"),
    ],
)
def test_a_command_names_its_packages_or_has_them_from_a_manifest(shell: str, expected: bool) -> None:
    assert [command.names_packages for command in commands(shell)] == [expected]


@pytest.mark.parametrize(
    ("shell", "ecosystem"),
    [
        pytest.param("pnpm i", "node", id="node"),
        pytest.param("uv pip install x", "python", id="uv pip is Python"),
        pytest.param("./mvnw package", "jvm", id="a wrapper of maven"),
        pytest.param("gem install x", "ruby", id="ruby"),
        pytest.param("apt-get install -y python3-pip", "", id="the distribution has none"),
        pytest.param("npx playwright install", "", id="a download has none, whoever makes it"),
    ],
)
def test_a_command_has_an_ecosystem_where_it_installs_for_the_project(shell: str, ecosystem: str) -> None:
    assert [command.ecosystem for command in commands(shell)] == [ecosystem]


@pytest.mark.parametrize(
    "text",
    [
        "CMD npm ci",
        'ENTRYPOINT ["npm", "ci"]',
        "COPY npm ci /x/",
        "ENV X='npm ci'",
        "ONBUILD RUN npm ci",
        "LABEL x='npm ci'",
        "COPY <<EOF /run.sh\nnpm ci\nEOF",
        "HEALTHCHECK CMD curl https://x.example/",
    ],
)
def test_only_a_run_brings_anything_in(text: str) -> None:
    assert find_commands(instruction(text)) == ()


def test_the_text_of_an_exec_form_is_its_words() -> None:
    assert shell_text(instruction('RUN ["pip", "install", "x"]')) == "pip install x"


def test_words_with_an_open_quote_are_split_all_the_same() -> None:
    (found,) = commands('["sh", "-c", "pip install \'a"]')
    assert found.words == ("a",)


@given(st.text(alphabet=st.sampled_from("npm ci go build&;|\"'\\()$#<>{}\t"), max_size=80))
def test_any_shell_text_is_read_without_an_error(shell: str) -> None:
    instruction_of_it = Instruction("RUN", (shell,), (), f"RUN {shell}", 2, 2)
    for command in find_commands(instruction_of_it):
        assert command.text
        assert command.tool
