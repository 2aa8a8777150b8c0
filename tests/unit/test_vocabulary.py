"""Which commands install dependencies, and which files are manifests."""

from __future__ import annotations

import pytest

from layerproof.commands import find_install, installs_from_manifest
from layerproof.manifests import is_manifest

INSTALLS = {
    "npm": ["npm ci --omit=dev", "npm install", "npm i", "npm --prefix web ci", "npm --no-audit ci", "CI=1 npm ci"],
    "other JavaScript": [
        "yarn",
        "yarn install",
        "yarn --frozen-lockfile",
        "yarn && yarn build",
        "yarn --cwd web install",
        "pnpm install",
        "pnpm --filter web install",
        "pnpm -r i",
        "bun install",
        "corepack pnpm install",
    ],
    "Python": [
        "pip install --upgrade pip",
        "pip3 install x",
        "pip3.11 install x",
        "pip --no-cache-dir install x",
        "pip wheel -r requirements.txt",
        "python -m pip install -r r.txt",
        "python3.11 -m pip install x",
        "/opt/venv/bin/pip install -r x",
        "uv pip install -r requirements.txt",
        "uv sync --frozen",
        "poetry install --no-root",
        "pipenv sync",
        "conda env create -f e.yml",
    ],
    "system": [
        "apt-get -y install curl",
        "apt-get update && apt-get install -y curl",
        "apt-get -o A::B=1 -y install x",
        "apk add --no-cache git",
    ],
    "others": [
        "mvn -B dependency:go-offline",
        "./mvnw -q dependency:resolve",
        "go mod download",
        "go install x.y/z@latest",
        "cargo fetch",
        "cargo install cargo-chef",
        "bundle install",
        "composer install",
        "gem install rake",
        "dotnet restore",
        "mix deps.get",
    ],
    "other names of npm": ["npm ic", "npm it", "npm cit", "npm install-ci-test", "npm install-test", "npm isntall"],
    "workspaces": ["yarn workspace web install", "yarn workspace web add x", "lerna bootstrap", "npx lerna bootstrap"],
    "more JavaScript": ["rush install", "pnpm dlx pnpm@9 install", "npm exec -- pnpm install"],
    "more Python": [
        "python setup.py install",
        "python3 ./setup.py develop",
        "python -W ignore setup.py install",
        "pip-sync requirements.txt",
        "pixi install --locked",
        "rye sync --no-lock",
    ],
    "PHP": [
        "docker-php-ext-install pdo_mysql",
        "docker-php-ext-install -j$(nproc) gd",
        "install-php-extensions @composer intl",
        "pecl install redis",
        "pecl -d preferred_state=beta install xdebug",
        "composer i --no-dev",
    ],
    "Perl": ["cpanm --installdeps .", "cpanm --notest Mojolicious", "carton install --deployment", "cpm install -g"],
    "R": [
        "R -e \"install.packages('shiny', repos='https://cran.example')\"",
        "R -q -e 'install.packages(c(\"shiny\"))'",
        "Rscript -e 'renv::restore()'",
        "Rscript --vanilla -e 'remotes::install_deps(dependencies = TRUE)'",
        "Rscript -e 'library(remotes); install_github(\"x/y\")'",
    ],
    "other languages": [
        "luarocks install busted",
        "luarocks --lua-version 5.1 install busted",
        "rebar3 get-deps",
        "lein deps",
        "nuget restore App.sln",
        "pod install --repo-update",
        "opam install . --deps-only",
        "cabal build --only-dependencies",
        "cabal install --only-dependencies all",
        "stack build --only-dependencies",
    ],
    "more of the system": [
        "dnf --releasever 40 --installroot /mnt -y install gcc",
        "dnf -y group install 'Development Tools'",
        "dnf --setopt install_weak_deps=0 install gcc",
        "zypper --non-interactive --root /mnt in gcc",
        "dpkg -i /tmp/x.deb",
        "dpkg --install x.deb",
        "yum groups install -y x",
    ],
    "what runs a command in its environment": [
        "conda run -n app pip install -r requirements.txt",
        "micromamba run -p /opt/env pip install x",
        "conda run --no-capture-output -n app npm ci",
        "poetry run pip install x",
        "pipenv run pip install x",
        "pdm run pip install x",
        "uvx poetry@1.8 install",
        "uvx --from poetry==1.8.3 poetry install",
        "pipx run poetry==1.8 install",
        "bundle exec pod install",
        "hatch run pip install x",
    ],
    "where a command can stand": [
        "cd web && npm ci",
        'sh -c "npm install && npm run dev"',
        "sh -c npm install && npm run dev",
        "test -d node_modules || npm install",
        "if [ ! -d x ]; then npm install; fi",
        "RUN --mount=type=cache,target=/x npm ci",
        "RUN <<EOF\nset -e\nnpm ci\nEOF",
        "npm ci # fast",
        "echo start && npm ci",
        "sudo -E pip install x",
        "pip \\\n  install x",
        "exec npm install",
        "CMD-SHELL npm install",
        "files=$(npm install)",
    ],
}
NO_INSTALLS = [
    "npm run install-hooks",
    "npm run build",
    "npm test",
    "npm init",
    "npm-install",
    "npm install-hooks",
    "yarn build",
    "yarn run install",
    "pnpm build",
    "corepack enable yarn",
    "# npm install",
    "true # npm install docs",
    "# echo npm install docs",
    'echo "npm install"',
    "echo run npm install first",
    "printf 'pip install x'",
    'grep -q "npm install" README',
    "apt-get update",
    "apk del x",
    "go build ./...",
    "go install ./cmd/app",
    "cargo build --release",
    "cargo install --path .",
    "pip --version",
    "node --version && yarn --version",
    "bundle -v",
    "npm install --help",
    "npx -y serve dist",
    "pacman -Sy",
    "pacman -Scc --noconfirm",
    "pacman -Ss git",
    "pacman -Rns base-devel",
    "pip freeze",
    "mvn package",
    "poetry build",
    "cat install.sh",
    "make install",
    "./install.sh",
    "cp npm install",
    "uv run app",
    "uv venv",
    "python install.py",
    "npm install-hooks",
    "npm run it",
    "npm test",
    "npm exec serve",
    "pnpm dlx serve install",
    "yarn workspace web build",
    "yarn workspace web",
    "yarn workspaces list",
    "lerna run build",
    "rush build",
    "pixi run start",
    "python setup.py build",
    "python setup.py --version",
    "python app.py setup.py install",
    "docker-php-ext-enable redis",
    "docker-php-ext-configure gd --with-jpeg",
    "docker-php-ext-install",
    "pecl channel-update pecl.php.net",
    "cpanm --version",
    "cpanm --help",
    "cpan-outdated",
    "R -e 'shiny::runApp()'",
    "Rscript -e 'installed.packages()'",
    "Rscript install.R",
    "Rscript -e 'renv::snapshot()'",
    "R CMD build .",
    "luarocks list",
    "rebar3 version",
    "lein run",
    "nuget sources list",
    "podman install",
    "pod lib lint",
    "opam list",
    "cabal update",
    "cabal build",
    "stack build",
    "dpkg -l",
    "dpkg --configure -a",
    "dpkg --add-architecture i386",
    "dpkg-deb -x x.deb /",
    "dnf -y group list",
    "dnf --installroot install clean all",
    "conda run -n app python app.py",
    "conda run",
    "conda activate install",
    "poetry run pytest",
    "poetry run",
    "bundle exec rake install",
    "hatch run test",
    "uvx ruff check",
    "uvx",
    "pipx run black .",
    "pipx list",
    "",
]


@pytest.mark.parametrize("command", [command for group in INSTALLS.values() for command in group])
def test_an_install_is_found(command: str) -> None:
    assert find_install(command)


@pytest.mark.parametrize("command", NO_INSTALLS)
def test_no_install_is_found_where_there_is_none(command: str) -> None:
    assert find_install(command) == ""


@pytest.mark.parametrize(
    ("command", "found"),
    [
        pytest.param("apt-get update && npm   ci --omit=dev", "npm ci", id="without its options, spaces made one"),
        pytest.param("sh -c 'pip install x; npm ci'", "pip install", id="the first of two"),
        pytest.param("/opt/venv/bin/pip install -r x", "/opt/venv/bin/pip install", id="with its path"),
        pytest.param("npx -y pnpm@9 install", "npx -y pnpm@9 install", id="a package manager that npx runs"),
        pytest.param("npx -p pnpm@9 pnpm install", "npx -p pnpm@9 pnpm install", id="one that npx is told of apart"),
        pytest.param("pacman --noconfirm -Syu git", "pacman -Syu", id="a verb that is a flag"),
        pytest.param("pacman -S --needed base-devel", "pacman -S", id="without a look at what is new"),
        pytest.param("bundle _2.5.6_ install", "bundle _2.5.6_ install", id="a version of Bundler"),
        pytest.param("tdnf install -y gcc", "tdnf install", id="Azure Linux"),
        pytest.param("gem install rails --version 7.1", "gem install", id="the version of a package"),
        pytest.param("Rscript -e 'renv::restore()'", "Rscript -e renv::restore()", id="a function of R"),
        pytest.param("conda run -n x pip install y", "pip install", id="without the environment it runs in"),
        pytest.param("yarn workspace web add y", "yarn workspace web add", id="of a workspace"),
        pytest.param("docker-php-ext-install intl", "docker-php-ext-install", id="whose operands are packages"),
        pytest.param("dpkg -i x.deb", "dpkg -i", id="a package that is there"),
        pytest.param("pip -v install flask", "pip -v install", id="more words about it"),
    ],
)
def test_an_install_is_given_as_written(command: str, found: str) -> None:
    assert find_install(command) == found


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("npm ci", True, id="a language's packages"),
        pytest.param("apt-get install -y curl", False, id="system packages"),
        pytest.param("apt-get install -y npm && npm ci", True, id="both"),
        pytest.param("apt-get install -y yarn", False, id="a package manager as a system package"),
        pytest.param("npm run build", False, id="neither"),
    ],
)
def test_system_packages_come_from_no_manifest(command: str, expected: bool) -> None:
    assert installs_from_manifest(command) is expected


@pytest.mark.parametrize("path", [
    "package.json", "./package.json", "web/package-lock.json", "package*.json", "yarn.lock*", "requirements.txt",
    "requirements-dev.txt", "requirements/base.txt", "requirements/", "requirements/*.txt", "pyproject.toml", "uv.lock",
    "*.lock", "go.mod", "go.*", "Cargo.toml", "pom.xml", "build.gradle", "build.gradle.kts", "gradle/", ".mvn/",
    "App/App.csproj", "*.csproj", "Gemfile*", "composer.*", ".npmrc",
    "cpanfile", "cpanfile.snapshot", "pixi.toml", "pixi.lock", "rebar.config", "Podfile", "Podfile.lock", "app.opam",
    "app.cabal", "cabal.project", "stack.yaml", "package.yaml", "renv.lock", "DESCRIPTION", "x-1.rockspec", "rush.json",
    "packages.config", "renv/activate.R", ".Rprofile", "renv/", "common/config/rush/", "x_1.0_amd64.deb", "*.rpm",
])  # fmt: skip
def test_a_manifest(path: str) -> None:
    assert is_manifest(path)


@pytest.mark.parametrize("path", [
    ".", "./", "src/", "src", "*", "*.json", "*.js", "*.toml", "package.json.js", "app.py", "README.md",
    "docs/requirements.md", "common/config", "renv.R", "DESCRIPTION.md", "Podfile.rb",
    "tsconfig.json", "Makefile", "",
])  # fmt: skip
def test_no_manifest(path: str) -> None:
    assert not is_manifest(path)
