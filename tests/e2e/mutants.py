"""
Small changes of a copy of this repo: those that break the cache contract, with the probe that must fail and the cause
that it must name, and those that break nothing, under which no probe may fail.

Paths are relative to the root of the copy. `@URL@` stands for the address of the test's own web server: below
`/changing` it gives another answer each time, below `/constant` always the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

CONSTANT = b"the same each time\n"


@dataclass(frozen=True)
class Replace:
    """Replace a text that a file has exactly once."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Write:
    """A new file, or another one in its place."""

    path: str
    text: str


@dataclass(frozen=True)
class Move:
    """Give a file another place."""

    path: str
    to: str


@dataclass(frozen=True)
class Remove:
    """Take a file away."""

    path: str


@dataclass(frozen=True)
class OpenToAll:
    """chmod -R 777 of a folder."""

    path: str


@dataclass(frozen=True)
class WindowsLines:
    """End each line of a file with CR LF."""

    path: str


@dataclass(frozen=True)
class Tag:
    """Tag an image once more; the tag is taken away again."""

    image: str
    tag: str


Change = Replace | Write | Move | Remove | OpenToAll | WindowsLines | Tag


@dataclass(frozen=True)
class Mutant:
    """
    A defect.

    Attributes:
        name: what is wrong, as a person would say it.
        service: the service that is proved.
        probe: the probe that must fail.
        reason: texts that its reason must have; `{line}` is the line of the culprit.
        culprit: the Dockerfile and the beginning of the one line in it that is to blame, after the change.
        holds: probes that hold all the same.
    """

    name: str
    service: str
    change: tuple[Change, ...]
    probe: str
    reason: tuple[str, ...]
    culprit: tuple[str, str] | None = None
    holds: tuple[str, ...] = ("noop",)


@dataclass(frozen=True)
class Variant:
    """No defect: every probe holds, except those in `not_applicable`, which have nothing to prove."""

    name: str
    service: str
    change: tuple[Change, ...]
    not_applicable: tuple[str, ...] = ()


BACKEND, WEB, POSE = "backend/Dockerfile", "web/Dockerfile", "pose-service/Dockerfile"
BACKEND_IGNORE, WEB_IGNORE, POSE_IGNORE = "backend/.dockerignore", "web/.dockerignore", "pose-service/.dockerignore"
POSE_BASE = "docker/base-python-pose/Dockerfile"
COMPOSE, CONFIG = "docker-compose.yml", "pyproject.toml"

# What the Dockerfiles say, and what the changes aim at.
NODE_MANIFESTS = "COPY package.json package-lock.json ./\n"
NPM_CI = "RUN --mount=type=cache,target=/root/.npm npm ci\n"
POSE_LOCK = "COPY requirements.lock ./\n"
POSE_CACHE = "RUN --mount=type=cache,target=/root/.cache/uv \\\n"
POSE_INSTALL = (
    "    uv pip install --no-deps --require-hashes --prefix /opt/added --requirement requirements.lock \\\n"
    '    && cp -a /opt/added/. "${VIRTUAL_ENV}/"\n'
)
POSE_SOURCE = "COPY pose ./pose\nCOPY app.py ./\n"
POSE_BUILD = "FROM deps AS build\n" + POSE_SOURCE
POSE_CHECK = ' \\\n    && python -c "import app"\n'
POSE_RESULTS = (
    "COPY --from=deps --chown=10001:10001 /data /data\n"
    "COPY --from=deps /opt/added /opt/venv\n"
    "COPY --from=build /app ./\n"
)
BACKEND_PRUNE = (
    "FROM deps AS production-deps\n"
    "RUN npm prune --omit=dev \\\n"
    "    && rm -rf node_modules/.package-lock.json node_modules/mongodb/src node_modules/bson/src \\\n"
    "    && find node_modules \\( -name '*.ts' -o -name '*.[cm]ts' -o -name '*.map' -o -type d -empty \\) -delete\n"
)
BASE_END = "FROM build-${FLAVOUR} AS build\n"
POSE_CONTEXT = "      context: ./pose-service\n      target: runtime\n"
BACKEND_CONTEXT = "      context: ./backend\n      target: runtime\n"
WEB_CONTEXT = "      context: ./web\n      target: runtime\n"
CONFIG_START = "[tool.layerproof.profiles.lab.args]\n"

# The import of the whole ML stack costs seconds and decides nothing about the cache.
QUICK = Replace(POSE, POSE_CHECK, "\n")
# One small package, and a compiler that is `cp`: npm and the graph of steps are the real ones.
NODE_LOCK = """\
{
  "name": "small",
  "lockfileVersion": 3,
  "packages": {
    "": { "name": "small", "dependencies": { "ms": "2.1.3" } },
    "node_modules/ms": { "version": "2.1.3" }
  }
}
"""
QUICK_API = (
    Write(
        "backend/package.json",
        '{ "name": "small", "type": "module", "dependencies": { "ms": "2.1.3" },'
        ' "scripts": { "build": "cp -r src dist" } }\n',
    ),
    Write("backend/package-lock.json", NODE_LOCK),
)
QUICK_PAGE = (
    Write(
        "web/package.json",
        '{ "name": "small", "type": "module", "dependencies": { "ms": "2.1.3" },'
        ' "scripts": { "build:server": "cp -r server dist", "build:page": "cp -r src dist/" } }\n',
    ),
    Write("web/package-lock.json", NODE_LOCK),
)
# With an ignore file that is good, this takes application files only.
COPY_ALL = Replace(POSE, POSE_SOURCE, "COPY . .\n")
BACKEND_COPY_ALL = Replace(BACKEND, "COPY tsconfig.json tsconfig.build.json ./\nCOPY src ./src\n", "COPY . .\n")
NARROW_ROOT = Write(
    ".dockerignore", "**/node_modules\n**/__pycache__\n**/.git\n**/.env\n**/*.log\n**/*.pkl\n**/*.md\ndata\n"
)

# The backend from the root of the repo: all of the repo reaches the compiler.
SHARED_BACKEND = """\
FROM base-node:latest AS deps
WORKDIR /app/backend
COPY backend/package.json backend/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci

FROM deps AS build
WORKDIR /app
COPY . .
RUN cd backend && npm run build

FROM base-node:runtime AS runtime
COPY --from=build /app/backend/dist ./dist
CMD ["node", "dist/server.js"]
"""
# The pose service from the root of the repo; what its build stage copies is named by each change.
SHARED_POSE = """\
FROM base-python-pose:latest AS deps
WORKDIR /app
COPY pose-service/requirements.lock ./
RUN uv pip install --no-deps --require-hashes --requirement requirements.lock

FROM deps AS build
{copy}
RUN python -m compileall -q app.py pose
"""
POSE_FROM_ROOT = Replace(
    COMPOSE,
    POSE_CONTEXT,
    "      context: .\n      dockerfile: pose-service/Dockerfile\n      target: build\n",
)
SINGLE_STAGE = """\
FROM base-python-pose:latest
WORKDIR /app
COPY requirements.lock ./
RUN uv pip install --no-deps --require-hashes --requirement requirements.lock
COPY pose ./pose
COPY app.py ./
RUN python -m compileall -q app.py pose
CMD ["python", "app.py"]
"""
INLINE = """\
      context: ./pose-service
      dockerfile_inline: |
        FROM base-python-pose:latest
        WORKDIR /app
        {first}
        RUN uv pip install --no-deps --require-hashes --requirement requirements.lock
        COPY . .
        RUN python -m compileall -q app.py pose
"""


def above_pose_install(text: str) -> Replace:
    """Instructions above the manifests of the pose service."""
    return Replace(POSE, POSE_LOCK, text + POSE_LOCK)


def without(path: str, *patterns: str) -> tuple[Replace, ...]:
    """An ignore file that lacks some lines."""
    return tuple(Replace(path, f"\n{pattern}\n", "\n") for pattern in patterns)


def build_argument(context: str, name: str) -> Replace:
    """An argument that the compose file passes, from the environment as CI does."""
    return Replace(COMPOSE, context, f'{context}      args: {{ {name}: "${{{name}:-unknown}}" }}\n')


def named_context(name: str, folder: str) -> Replace:
    return Replace(CONFIG, CONFIG_START, f'[tool.layerproof.contexts]\n{name} = "{folder}"\n\n{CONFIG_START}')


def end_of_base(text: str) -> Replace:
    """Instructions at the end of what the pose service is built on."""
    return Replace(POSE_BASE, BASE_END, BASE_END + text)


UV = "uv pip install"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "the source is copied before the manifests",
        "backend-api",
        (
            Replace(BACKEND, "COPY tsconfig.json tsconfig.build.json ./\nCOPY src ./src\n", "COPY tsconfig*.json ./\n"),
            Replace(BACKEND, NODE_MANIFESTS, "COPY src ./src\n" + NODE_MANIFESTS),
            *QUICK_API,
        ),
        "source",
        ("deps ", "`RUN npm ci` ran again", "`COPY src ./src` on line {line} takes src/app.ts before it"),
        (BACKEND, "COPY src ./src"),
        ("noop", "manifest"),
    ),
    Mutant(
        "all of the context is copied before the install, and there is no ignore file",
        "pose-service",
        (Remove(POSE_IGNORE), Replace(POSE, POSE_LOCK, "COPY . .\n"), Replace(POSE, POSE_SOURCE, ""), QUICK),
        "source",
        (f"`RUN {UV}", "ran again because `COPY . .` on line {line} takes app.py before it"),
        (POSE, "COPY . ."),
        ("noop", "manifest"),
    ),
    Mutant(
        "all of the context is copied after the install, and there is no ignore file",
        "pose-service",
        (Remove(POSE_IGNORE), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes README.md", "(line {line})"),
        (POSE, "COPY . ."),
        ("noop", "source"),
    ),
    Mutant(
        "all of the context is added before the install, with a good ignore file, in lower case",
        "pose-service",
        (Replace(POSE, POSE_LOCK, "add . .\n"), Replace(POSE, POSE_SOURCE, ""), QUICK),
        "source",
        (f"`RUN {UV}", "because `add . .` on line {line} takes app.py before it"),
        (POSE, "add . ."),
        ("noop", "unrelated"),
    ),
    Mutant(
        "the build time is an argument above the install",
        "pose-service",
        (above_pose_install("ARG BUILD_DATE=unknown\n"), QUICK),
        "source",
        (f"`RUN {UV}", "because ARG BUILD_DATE on line {line}, whose value changes with every build, stands above it"),
        (POSE, "ARG BUILD_DATE"),
        ("noop", "manifest"),
    ),
    Mutant(
        "the compose file passes the build time to an argument above the install",
        "frontend",
        (
            build_argument(WEB_CONTEXT, "BUILD_TIME"),
            Replace(WEB, NODE_MANIFESTS, "ARG BUILD_TIME\n" + NODE_MANIFESTS),
            *QUICK_PAGE,
        ),
        "source",
        ("`RUN npm ci` ran again", "because ARG BUILD_TIME on line {line}, whose value changes with every build"),
        (WEB, "ARG BUILD_TIME"),
    ),
    Mutant(
        "the commit is an argument that the install inherits through FROM",
        "pose-service",
        (
            Replace(
                POSE,
                "FROM base-python-pose:latest AS deps\n",
                "FROM base-python-pose:latest AS start\nARG GIT_SHA=none\n\nFROM start AS deps\n",
            ),
            QUICK,
        ),
        "source",
        (f"`RUN {UV}", "because ARG GIT_SHA on line {line}, whose value changes with every build, stands above it"),
        (POSE, "ARG GIT_SHA"),
    ),
    Mutant(
        "an argument becomes an environment variable above the install",
        "pose-service",
        (above_pose_install("ARG VCS_REF=unknown\nENV REVISION=${VCS_REF}\n"), QUICK),
        "source",
        (f"`RUN {UV}", "because ARG VCS_REF on line {line}, whose value changes with every build, stands above it"),
        (POSE, "ARG VCS_REF"),
        ("noop", "manifest"),
    ),
    Mutant(
        "the compose file passes a cache buster to an argument above the install",
        "pose-service",
        (build_argument(POSE_CONTEXT, "CACHEBUST"), above_pose_install("ARG CACHEBUST\n"), QUICK),
        "source",
        (f"`RUN {UV}", "because ARG CACHEBUST on line {line}"),
        (POSE, "ARG CACHEBUST"),
    ),
    Mutant(
        "the compose file passes the hash of the commit to an argument above the install",
        "pose-service",
        (build_argument(POSE_CONTEXT, "GIT_HASH"), above_pose_install("ARG GIT_HASH\n"), QUICK),
        "source",
        (f"`RUN {UV}", "because ARG GIT_HASH on line {line}"),
        (POSE, "ARG GIT_HASH"),
    ),
    Mutant(
        "a base has the commit as an environment variable",
        "pose-service",
        (end_of_base("ARG GIT_SHA=none\nENV GIT_SHA=${GIT_SHA}\n"), QUICK),
        "source",
        ("ARG GIT_SHA on line {line}", "base-python-pose"),
        (POSE_BASE, "ARG GIT_SHA"),
    ),
    Mutant(
        "a base writes the commit into a file",
        "pose-service",
        (end_of_base('ARG GIT_SHA=none\nRUN echo "${GIT_SHA}" > /revision\n'), QUICK),
        "source",
        ("ARG GIT_SHA on line {line}", "base-python-pose", "`RUN echo"),
        (POSE_BASE, "ARG GIT_SHA"),
    ),
    Mutant(
        "the history of git reaches the context",
        "backend-api",
        (
            Write("backend/.git/HEAD", "ref: refs/heads/main\n"),
            *without(BACKEND_IGNORE, "**/.git"),
            BACKEND_COPY_ALL,
            *QUICK_API,
        ),
        "unrelated",
        ("`COPY . .` ran again because it takes .git (line {line})",),
        (BACKEND, "COPY . ."),
        ("noop", "source"),
    ),
    Mutant(
        "the stage of the dependencies copies source after the install",
        "pose-service",
        (Replace(POSE, POSE_BUILD, "COPY pose ./pose\n\nFROM deps AS build\nCOPY app.py ./\n"), QUICK),
        "source",
        ("deps ", "`COPY pose ./pose` ran again because it takes pose/server.py (line {line})"),
        (POSE, "COPY pose ./pose"),
        ("noop", "manifest"),
    ),
    Mutant(
        "the production packages are pruned from the stage that has the source",
        "backend-api",
        (
            Replace(BACKEND, BACKEND_PRUNE, ""),
            Replace(
                BACKEND,
                "FROM base-node:runtime AS runtime\n",
                BACKEND_PRUNE.replace("FROM deps", "FROM build") + "\nFROM base-node:runtime AS runtime\n",
            ),
            Replace(BACKEND, 'USER 1000:1000\nCMD ["npm"', 'CMD ["npm"'),
            *QUICK_API,
        ),
        "source",
        ("`RUN npm prune --omit=dev", "`COPY src ./src` on line {line} takes src/app.ts before it"),
        (BACKEND, "COPY src ./src"),
    ),
    Mutant(
        "a service is built from the whole repo",
        "backend-api",
        (
            Write(BACKEND, SHARED_BACKEND),
            NARROW_ROOT,
            *QUICK_API,
            Replace(
                COMPOSE,
                BACKEND_CONTEXT,
                "      context: .\n      dockerfile: backend/Dockerfile\n      target: runtime\n",
            ),
        ),
        "sibling",
        ("`COPY . .` ran again because it takes", "web/server/app.ts", "(line {line})"),
        (BACKEND, "COPY . ."),
        ("noop", "manifest"),
    ),
    Mutant(
        "the folder of another service is a named context above the install",
        "pose-service",
        (
            Replace(COMPOSE, POSE_CONTEXT, POSE_CONTEXT + "      additional_contexts: { shared: ./web }\n"),
            above_pose_install("COPY --from=shared . /opt/shared\n"),
            QUICK,
        ),
        "sibling",
        (f"`RUN {UV}", "`COPY --from=shared . /opt/shared` on line {line} takes web/server/app.ts before it"),
        (POSE, "COPY --from=shared"),
        ("noop", "manifest"),
    ),
    Mutant(
        "the build stage installs again after the source",
        "backend-api",
        (Replace(BACKEND, "RUN npm run build\n", "RUN npm ci && npm run build\n"), *QUICK_API),
        "source",
        (
            "`RUN npm ci && npm run build` ran again",
            "`COPY src ./src` on line {line} takes src/app.ts before it",
        ),
        (BACKEND, "COPY src ./src"),
    ),
    Mutant(
        "the build stage installs for Python after the source",
        "pose-service",
        (
            Replace(
                POSE,
                "RUN python -m compileall -q app.py pose" + POSE_CHECK,
                f"RUN {UV} --no-deps --require-hashes --requirement requirements.lock\n",
            ),
        ),
        "source",
        (f"`RUN {UV}", "`COPY pose ./pose` on line {line} takes pose/server.py before it"),
        (POSE, "COPY pose ./pose"),
    ),
    Mutant(
        "the runtime stage installs system packages after what was built",
        "pose-service",
        (
            Replace(POSE, "FROM base-python-pose:runtime AS runtime\n", "FROM base-python-pose:latest AS runtime\n"),
            Replace(POSE, POSE_RESULTS, POSE_RESULTS + "RUN apt-get install --yes --no-install-recommends git\n"),
            QUICK,
        ),
        "source",
        (
            "`RUN apt-get install --yes --no-install-recommends git` ran again",
            "on line {line} takes pose/server.py before it",
        ),
        (POSE, "COPY pose ./pose"),
    ),
    Mutant(
        "the runtime stage installs packages after what was built",
        "frontend",
        (
            Replace(WEB, "FROM base-node:runtime AS runtime\n", "FROM base-node:latest AS runtime\n"),
            Replace(WEB, "COPY package.json ./\nCOPY --from=production-deps /app/node_modules ./node_modules\n", ""),
            Replace(
                WEB,
                "COPY --from=build /app/dist ./dist\n",
                "COPY --from=build /app/dist ./dist\nCOPY --from=deps /app/package*.json ./\n"
                "RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev\n",
            ),
            *QUICK_PAGE,
        ),
        "source",
        ("runtime ", "`RUN npm ci --omit=dev` ran again", "`COPY server ./server` on line {line}"),
        (WEB, "COPY server ./server"),
    ),
    Mutant(
        "a download above the install gives something else each time",
        "pose-service",
        (above_pose_install("ADD @URL@/changing /opt/news\n"), QUICK),
        "noop",
        (f"`RUN {UV}", "because `ADD @URL@/changing /opt/news` on line {line} fetches something else each time"),
        (POSE, "ADD http"),
        ("manifest",),
    ),
    Mutant(
        "the install does without the lock file",
        "backend-api",
        (
            Replace(BACKEND, NODE_MANIFESTS, "COPY package.json ./\n"),
            Replace(BACKEND, NPM_CI, NPM_CI.replace("npm ci", "npm install")),
            *QUICK_API,
        ),
        "manifest",
        (
            "package-lock.json was edited",
            "`RUN",
            "npm install",
            "(Dockerfile:{line})",
            "nothing before it copies that file",
        ),
        (BACKEND, "RUN --mount=type=cache,target=/root/.npm npm install"),
    ),
    Mutant(
        "the ignore file has the lock file",
        "backend-api",
        (
            Replace(BACKEND_IGNORE, "eslint.config.js\n", "eslint.config.js\npackage-lock.json\n"),
            Replace(BACKEND, NODE_MANIFESTS, "COPY package*.json ./\n"),
            Replace(BACKEND, NPM_CI, NPM_CI.replace("npm ci", "npm install")),
            *QUICK_API,
        ),
        "manifest",
        ("package-lock.json was edited", "(Dockerfile:{line})", "the file does not reach the build context"),
        (BACKEND, "RUN --mount=type=cache,target=/root/.npm npm install"),
    ),
    Mutant(
        "the manifest is written by a step instead of copied",
        "pose-service",
        (
            Replace(POSE, POSE_LOCK, "RUN printf 'flask==3.1.3\\nwaitress==3.0.2\\n' > requirements.lock\n"),
            Replace(POSE, POSE_INSTALL, POSE_INSTALL.replace("--no-deps --require-hashes ", "")),
            QUICK,
        ),
        "manifest",
        ("requirements.lock was edited", UV, "(Dockerfile:{line})", "nothing before it copies that file"),
        (POSE, "RUN --mount=type=cache,target=/root/.cache/uv"),
    ),
    Mutant(
        "everybody may write to every file",
        "pose-service",
        (OpenToAll("pose-service"), QUICK),
        "touch",
        ("`COPY requirements.lock ./` on line {line} takes requirements.lock, which everybody may write to",),
        (POSE, "COPY requirements.lock"),
        ("noop", "source"),
    ),
    Mutant(
        "a base copies the package of a service",
        "pose-service",
        (
            named_context("pose-source", "pose-service"),
            end_of_base("COPY --from=pose-source pose /opt/pose\n"),
            QUICK,
        ),
        "source",
        ("`COPY --from=pose-source pose /opt/pose`", "base-python-pose build 1/1", "pose/server.py", "line {line}"),
        (POSE_BASE, "COPY --from=pose-source"),
    ),
    Mutant(
        "a base copies one file of a service",
        "pose-service",
        (
            named_context("pose-source", "pose-service"),
            end_of_base("COPY --from=pose-source app.py /opt/app.py\n"),
            QUICK,
        ),
        "source",
        ("base-python-pose build 1/1", "app.py", "line {line}"),
        (POSE_BASE, "COPY --from=pose-source"),
    ),
    Mutant(
        "a base copies source of another service",
        "pose-service",
        (named_context("api", "backend"), end_of_base("COPY --from=api src /opt/api\n"), QUICK),
        "sibling",
        ("base-python-pose build 1/1", "backend/src/app.ts", "line {line}"),
        (POSE_BASE, "COPY --from=api"),
        ("noop", "source"),
    ),
    Mutant(
        "a base copies the manifest of a service",
        "pose-service",
        (
            named_context("pose-source", "pose-service"),
            end_of_base("COPY --from=pose-source requirements.lock /opt/web.lock\n"),
            QUICK,
        ),
        "manifest",
        ("base-python-pose build 1/1", "requirements.lock", "line {line}"),
        (POSE_BASE, "COPY --from=pose-source"),
        ("noop", "source"),
    ),
    Mutant(
        "a base copies all of the context of what is built on it",
        "pose-service",
        (end_of_base("ONBUILD COPY . /opt/all\n"), QUICK),
        "source",
        ("`ONBUILD COPY . /opt/all`", "of the image that stage deps starts from"),
    ),
    Mutant(
        "the compose file turns the cache off",
        "pose-service",
        (Replace(COMPOSE, POSE_CONTEXT, POSE_CONTEXT + "      no_cache: true\n"), QUICK),
        "noop",
        (f"`RUN {UV}", "because the compose file builds it with no_cache"),
        None,
        ("manifest",),
    ),
    Mutant(
        "the ignore file lacks the README",
        "pose-service",
        (*without(POSE_IGNORE, "**/*.md"), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes README.md (line {line})",),
        (POSE, "COPY . ."),
    ),
    Mutant(
        "the ignore file lacks logs",
        "pose-service",
        (*without(POSE_IGNORE, "**/*.log"), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes *.log (line {line})",),
        (POSE, "COPY . ."),
    ),
    Mutant(
        "the ignore file lacks the folder of data",
        "pose-service",
        (*without(POSE_IGNORE, "**/data/"), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes data (line {line})",),
        (POSE, "COPY . ."),
    ),
    Mutant(
        "the ignore file lacks pickles",
        "pose-service",
        (*without(POSE_IGNORE, "**/*.pkl"), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes *.pkl (line {line})",),
        (POSE, "COPY . ."),
    ),
    Mutant(
        "the ignore file has compiled Python at its top only",
        "pose-service",
        (
            Replace(POSE_IGNORE, "\n**/__pycache__\n**/*.py[cod]\n", "\n__pycache__\n"),
            QUICK,
        ),
        "unrelated",
        ("`COPY pose ./pose` ran again because it takes pose/__pycache__", "(line {line})"),
        (POSE, "COPY pose ./pose"),
    ),
    Mutant(
        "the ignore file has compiled Python at its top only, and all is copied",
        "pose-service",
        (Replace(POSE_IGNORE, "\n**/__pycache__\n**/*.py[cod]\n", "\n__pycache__\n"), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes pose/__pycache__", "(line {line})"),
        (POSE, "COPY . ."),
    ),
    Mutant(
        "the ignore file has the files of compiled Python, and not their folders",
        "pose-service",
        (*without(POSE_IGNORE, "**/__pycache__"), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes __pycache__", "(line {line})"),
        (POSE, "COPY . ."),
    ),
    Mutant(
        "the ignore file lacks .env",
        "backend-api",
        (*without(BACKEND_IGNORE, "**/.env"), BACKEND_COPY_ALL, *QUICK_API),
        "unrelated",
        ("`COPY . .` ran again because it takes .env (line {line})",),
        (BACKEND, "COPY . ."),
    ),
    Mutant(
        "the ignore file lacks node_modules",
        "pose-service",
        (*without(POSE_IGNORE, "**/node_modules"), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes node_modules (line {line})",),
        (POSE, "COPY . ."),
    ),
    Mutant(
        "the ignore file lies above the context",
        "pose-service",
        (Move(POSE_IGNORE, ".dockerignore"), COPY_ALL, QUICK),
        "unrelated",
        ("build 1/2 `COPY . .` ran again because it takes README.md", "(line {line})"),
        (POSE, "COPY . ."),
    ),
    Mutant(
        "the ignore file lies in the service's folder, and the context is the repo",
        "pose-service",
        (POSE_FROM_ROOT, Write(POSE, SHARED_POSE.format(copy="COPY pose-service ./"))),
        "unrelated",
        ("`COPY pose-service ./` ran again because it takes pose-service/", "(line {line})"),
        (POSE, "COPY pose-service ./"),
    ),
    Mutant(
        "the ignore file lies in the service's folder, the context is the repo, and nothing compiles beside the source",
        "backend-api",
        (
            Write(BACKEND, SHARED_BACKEND.replace("COPY . .", "COPY backend backend")),
            Replace(
                COMPOSE,
                BACKEND_CONTEXT,
                "      context: .\n      dockerfile: backend/Dockerfile\n      target: runtime\n",
            ),
            *QUICK_API,
        ),
        "unrelated",
        ("`COPY backend backend` ran again because it takes backend/", "(line {line})"),
        (BACKEND, "COPY backend backend"),
        ("noop", "source"),
    ),
    Mutant(
        "a stage starts from an old copy of its base",
        "pose-service",
        (
            Tag("base-python-pose:latest", "base-python-pose:pinned"),
            Replace(POSE, "FROM base-python-pose:latest AS deps\n", "FROM base-python-pose:pinned AS deps\n"),
            QUICK,
        ),
        "base",
        ("base-python-pose:pinned",),
        (POSE, "FROM base-python-pose:pinned"),
        ("noop", "source"),
    ),
    Mutant(
        "every stage starts from an old copy of its base",
        "pose-service",
        (
            Tag("base-python-pose:latest", "base-python-pose:pinned"),
            Tag("base-python-pose:runtime", "base-python-pose:runtime-pinned"),
            Replace(POSE, "FROM base-python-pose:latest AS deps\n", "FROM base-python-pose:pinned AS deps\n"),
            Replace(POSE, "FROM base-python-pose:runtime AS", "FROM base-python-pose:runtime-pinned AS"),
            QUICK,
        ),
        "base",
        ("base-python-pose:pinned",),
        (POSE, "FROM base-python-pose:pinned"),
        ("noop", "source"),
    ),
    Mutant(
        "the ignore file has the source that the configuration names",
        "pose-service",
        (
            Replace(POSE_IGNORE, "\nruff.toml\n", "\nruff.toml\npose\n"),
            Replace(POSE, POSE_SOURCE, "COPY app.py pos[e] ./\n"),
            Replace(
                POSE, "RUN python -m compileall -q app.py pose" + POSE_CHECK, "RUN python -m compileall -q app.py\n"
            ),
            Replace(
                CONFIG,
                "[tool.layerproof.services.pose-service]\n",
                '[tool.layerproof.services.pose-service]\nprobe-source = "pose/server.py"\n',
            ),
        ),
        "source",
        ("pose/server.py was edited", "the file does not reach the build context"),
    ),
    Mutant(
        "the ignore file has all source",
        "pose-service",
        (
            Write(POSE_IGNORE, "*\n!requirements.lock\n"),
            COPY_ALL,
            Replace(POSE, "RUN python -m compileall -q app.py pose" + POSE_CHECK, "RUN python -m compileall -q .\n"),
        ),
        "source",
        ("the ignore file keeps out all source", "app.py"),
    ),
    Mutant(
        "the entry point is copied together with the manifest",
        "pose-service",
        (
            Replace(POSE, POSE_LOCK, "COPY requirements.lock app.py ./\n"),
            Replace(POSE, POSE_SOURCE, "COPY pose ./pose\n"),
            QUICK,
        ),
        "source",
        (f"`RUN {UV}", "`COPY requirements.lock app.py ./` on line {line} takes app.py before it"),
        (POSE, "COPY requirements.lock app.py"),
        ("noop", "manifest"),
    ),
    Mutant(
        "a wildcard takes source along with the manifest",
        "pose-service",
        (
            Replace(POSE, POSE_LOCK, "COPY *.lock *.py ./\n"),
            Replace(POSE, POSE_SOURCE, "COPY pose ./pose\n"),
            QUICK,
        ),
        "source",
        (f"`RUN {UV}", "`COPY *.lock *.py ./` on line {line} takes app.py before it"),
        (POSE, "COPY *.lock *.py"),
        ("noop", "manifest"),
    ),
    Mutant(
        "the install has all of the context mounted",
        "pose-service",
        (
            Replace(POSE, POSE_LOCK, ""),
            Replace(
                POSE,
                POSE_CACHE + POSE_INSTALL,
                "RUN --mount=type=bind,target=/context \\\n    --mount=type=cache,target=/root/.cache/uv \\\n"
                + POSE_INSTALL.replace("--requirement ", "--requirement /context/"),
            ),
            QUICK,
        ),
        "source",
        (f"`RUN {UV}", "ran again because it takes app.py (line {line})"),
        (POSE, "RUN --mount=type=bind"),
        ("noop", "manifest"),
    ),
    Mutant(
        "the install has a stage mounted that has the source",
        "pose-service",
        (
            Replace(
                POSE,
                "FROM base-python-pose:latest AS deps\n",
                "FROM scratch AS files\nCOPY . /\n\nFROM base-python-pose:latest AS deps\n",
            ),
            Replace(POSE, POSE_LOCK, ""),
            Replace(
                POSE,
                POSE_CACHE + POSE_INSTALL,
                "RUN --mount=from=files,target=/files \\\n    --mount=type=cache,target=/root/.cache/uv \\\n"
                + POSE_INSTALL.replace("--requirement ", "--requirement /files/"),
            ),
            QUICK,
        ),
        "source",
        (f"`RUN {UV}", "because `COPY . /` on line {line} takes app.py before it"),
        (POSE, "COPY . /"),
        ("noop", "manifest"),
    ),
    Mutant(
        "a stage that collects manifests collects source as well",
        "pose-service",
        (
            Replace(
                POSE,
                "FROM base-python-pose:latest AS deps\n",
                "FROM base-python-pose:latest AS manifests\nWORKDIR /src\nCOPY . .\n"
                "RUN mkdir /out && cp requirements.lock app.py /out/\n\nFROM base-python-pose:latest AS deps\n",
            ),
            Replace(POSE, POSE_LOCK, "COPY --from=manifests /out/ ./\n"),
            QUICK,
        ),
        "source",
        (f"`RUN {UV}", "because `COPY . .` on line {line} takes app.py before it"),
        (POSE, "COPY . ."),
        ("noop", "manifest"),
    ),
    Mutant(
        "a Dockerfile in the compose file copies all before the install",
        "pose-service",
        (Replace(COMPOSE, POSE_CONTEXT, INLINE.format(first="COPY . .")),),
        "source",
        (f"`RUN {UV}", "because `COPY . .` on line 3 takes app.py before it"),
        None,
        ("noop", "manifest"),
    ),
)

PIN = hashlib.sha256(CONSTANT).hexdigest()

HARMLESS: tuple[Variant, ...] = (
    Variant(
        "a comment is added",
        "backend-api",
        (Replace(BACKEND, NPM_CI, f"# From the lock file alone.\n{NPM_CI}"), *QUICK_API),
    ),
    Variant(
        "labels, the health check, the shell, environment variables and an argument for the time zone are others",
        "pose-service",
        (
            above_pose_install(
                'SHELL ["/bin/sh", "-eu", "-c"]\nARG TIMEZONE=UTC\nENV TZ=${TIMEZONE} B="two words"\nLABEL a="b"\n'
            ),
            Replace(POSE, "HEALTHCHECK --interval=10s", "HEALTHCHECK --interval=11s"),
            QUICK,
        ),
    ),
    Variant(
        "copies have --link and --chmod, absolute sources, and names with spaces",
        "pose-service",
        (
            Write("pose-service/more code/two words.py", "print()\n"),
            Replace(POSE, POSE_LOCK, "COPY --link /requirements.lock /app/\n"),
            Replace(
                POSE,
                POSE_SOURCE,
                'COPY --chmod=755 /pose ./pose\nCOPY --link ["app.py", "more code/two words.py", "/app/"]\n',
            ),
            QUICK,
        ),
    ),
    Variant(
        "a stage stands later in the file",
        "backend-api",
        (
            Replace(BACKEND, BACKEND_PRUNE, ""),
            Replace(
                BACKEND,
                "FROM base-node:runtime AS runtime\n",
                f"{BACKEND_PRUNE}\nFROM base-node:runtime AS runtime\n",
            ),
            *QUICK_API,
        ),
    ),
    Variant(
        "the stages have names that mean nothing",
        "pose-service",
        (
            Replace(POSE, "FROM base-python-pose:latest AS deps\n", "FROM base-python-pose:latest AS a\n"),
            Replace(POSE, "FROM deps AS build\n", "FROM a AS b\n"),
            Replace(POSE, "FROM base-python-pose:runtime AS runtime\n", "FROM base-python-pose:runtime AS c\n"),
            Replace(POSE, POSE_RESULTS, POSE_RESULTS.replace("=deps", "=a").replace("=build", "=b")),
            Replace(COMPOSE, POSE_CONTEXT, POSE_CONTEXT.replace("runtime", "c")),
            QUICK,
        ),
    ),
    Variant(
        "the stages have numbers instead of names",
        "pose-service",
        (
            Replace(POSE, "FROM base-python-pose:latest AS deps\n", "FROM base-python-pose:latest\n"),
            Replace(POSE, "FROM deps AS build\n", "FROM base-python-pose:latest\nWORKDIR /app\n"),
            Replace(POSE, "FROM base-python-pose:runtime AS runtime\n", "FROM base-python-pose:runtime\n"),
            Replace(POSE, POSE_RESULTS, POSE_RESULTS.replace("=deps", "=0").replace("=build", "=1")),
            Replace(COMPOSE, POSE_CONTEXT, POSE_CONTEXT.replace("      target: runtime\n", "")),
            QUICK,
        ),
    ),
    Variant(
        "the install is spread over lines with comments between",
        "pose-service",
        (
            Replace(
                POSE,
                POSE_INSTALL,
                POSE_INSTALL.replace("--no-deps ", "--no-deps \\\n# The hashes stand in the lock.\n\t\t"),
            ),
            QUICK,
        ),
    ),
    Variant(
        "the install is a here-document",
        "pose-service",
        (
            Replace(
                POSE,
                POSE_CACHE + POSE_INSTALL,
                POSE_CACHE.replace(" \\\n", " <<EOF\n")
                + POSE_INSTALL.replace(" \\\n    &&", "\n").replace("$", "\\$")
                + "EOF\n",
            ),
            QUICK,
        ),
    ),
    Variant(
        "one good stage is the whole Dockerfile",
        "pose-service",
        (Write(POSE, SINGLE_STAGE), Replace(COMPOSE, POSE_CONTEXT, "      context: ./pose-service\n")),
    ),
    Variant(
        "the Dockerfile stands in the compose file",
        "pose-service",
        (Replace(COMPOSE, POSE_CONTEXT, INLINE.format(first="COPY requirements.lock ./")),),
    ),
    Variant(
        "the install is in exec form",
        "backend-api",
        (Replace(BACKEND, NPM_CI, 'RUN --mount=type=cache,target=/root/.npm ["npm", "ci"]\n'), *QUICK_API),
    ),
    Variant(
        "the install has the manifest mounted instead of copied",
        "pose-service",
        (
            Replace(POSE, POSE_LOCK, ""),
            Replace(
                POSE,
                POSE_CACHE + POSE_INSTALL,
                "RUN --mount=type=bind,source=requirements.lock,target=requirements.lock \\\n"
                "    --mount=type=cache,target=/root/.cache/uv \\\n" + POSE_INSTALL,
            ),
            QUICK,
        ),
    ),
    Variant(
        "a wildcard names the manifests",
        "backend-api",
        (Replace(BACKEND, NODE_MANIFESTS, "COPY package*.json ./\n"), *QUICK_API),
    ),
    Variant(
        "the instructions are in lower case",
        "pose-service",
        (
            Replace(POSE, "WORKDIR /app\n" + POSE_LOCK, "workdir /app\ncopy requirements.lock ./\n"),
            Replace(POSE, POSE_CACHE, POSE_CACHE.replace("RUN", "run")),
            Replace(
                POSE, POSE_BUILD, POSE_BUILD.replace("COPY", "copy").replace("FROM", "from").replace(" AS ", " as ")
            ),
            QUICK,
        ),
    ),
    Variant("the lines end as on Windows", "pose-service", (QUICK, WindowsLines(POSE))),
    Variant(
        "the ignore file has Windows line ends and all is copied",
        "pose-service",
        (COPY_ALL, WindowsLines(POSE_IGNORE), QUICK),
    ),
    Variant(
        "the build time is an argument after everything else",
        "pose-service",
        (
            Replace(
                POSE,
                POSE_RESULTS,
                f"{POSE_RESULTS}ARG BUILD_DATE=unknown\nLABEL created=${{BUILD_DATE}}\n"
                'RUN echo "${BUILD_DATE}" > /app/built\n',
            ),
            QUICK,
        ),
    ),
    Variant(
        "the commit is an argument above copies, and no command follows",
        "pose-service",
        (
            Replace(POSE, POSE_RESULTS, f"ARG GIT_SHA=unknown\nLABEL revision=${{GIT_SHA}}\n{POSE_RESULTS}"),
            QUICK,
        ),
    ),
    Variant(
        "the commit is an argument above the first stage that none takes over",
        "pose-service",
        (
            Replace(
                POSE,
                "FROM base-python-pose:latest AS deps\n",
                "ARG GIT_SHA=unknown\nFROM base-python-pose:latest AS deps\n",
            ),
            QUICK,
        ),
    ),
    Variant(
        "an argument pins the digest of a download above the install",
        "pose-service",
        (
            above_pose_install(
                f"ARG MODEL_SHA256={PIN}\nADD --checksum=sha256:${{MODEL_SHA256}} @URL@/constant /opt/model\n"
            ),
            QUICK,
        ),
    ),
    Variant(
        "an argument pins the commit of a dependency above the install",
        "pose-service",
        (
            above_pose_install(f'ARG DETECTRON2_COMMIT={PIN[:40]}\nRUN echo "${{DETECTRON2_COMMIT}}" > /opt/pin\n'),
            QUICK,
        ),
    ),
    Variant(
        "a download above the install gives the same each time",
        "pose-service",
        (above_pose_install("ADD @URL@/constant /opt/model\n"), QUICK),
    ),
    Variant(
        "the ignore file is the Dockerfile's own, and all is copied",
        "pose-service",
        (Move(POSE_IGNORE, f"{POSE}.dockerignore"), COPY_ALL, QUICK),
    ),
    Variant(
        "the ignore file names what is wanted, and all is copied",
        "pose-service",
        (
            Write(POSE_IGNORE, "*\n!requirements.lock\n!app.py\n!pose/*.py\n"),
            COPY_ALL,
            QUICK,
        ),
    ),
    Variant(
        "the ignore file has the folders of compiled Python, and not its files",
        "pose-service",
        (*without(POSE_IGNORE, "**/*.py[cod]"), COPY_ALL, QUICK),
    ),
    Variant(
        "a copy leaves files out by itself",
        "pose-service",
        (
            *without(POSE_IGNORE, "**/*.md"),
            Replace(POSE, POSE_SOURCE, "COPY --exclude=*.md . .\n"),
            QUICK,
        ),
    ),
    Variant(
        "a stage takes the manifest out of everything, and the install sees nothing else",
        "pose-service",
        (
            Replace(
                POSE,
                "FROM base-python-pose:latest AS deps\n",
                "FROM base-python-pose:latest AS manifests\nWORKDIR /src\nCOPY . .\n"
                "RUN mkdir /out && cp requirements.lock /out/\n\nFROM base-python-pose:latest AS deps\n",
            ),
            Replace(POSE, POSE_LOCK, "COPY --from=manifests /out/ ./\n"),
            QUICK,
        ),
    ),
    Variant(
        "the project is installed by uv sync",
        "pose-service",
        (
            Write(
                "pose-service/pyproject.toml",
                '[project]\nname = "pose"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = []\n',
            ),
            Write(
                "pose-service/uv.lock",
                'version = 1\nrequires-python = ">=3.10"\n\n'
                '[[package]]\nname = "pose"\nversion = "1"\nsource = { virtual = "." }\n',
            ),
            Replace(POSE, POSE_LOCK, "COPY pyproject.toml uv.lock requirements.lock ./\n"),
            Replace(
                POSE, POSE_INSTALL, f"    uv sync --frozen --no-install-project \\\n    && {POSE_INSTALL.lstrip()}"
            ),
            QUICK,
        ),
    ),
    Variant(
        "the install keeps no cache",
        "pose-service",
        (
            Replace(
                POSE,
                POSE_CACHE + POSE_INSTALL,
                "RUN " + POSE_INSTALL.lstrip().replace("install ", "install --no-cache ", 1),
            ),
            QUICK,
        ),
    ),
    Variant(
        "a stage that nobody needs copies all and installs",
        "pose-service",
        (
            Replace(
                POSE,
                "FROM base-python-pose:runtime AS runtime\n",
                "FROM deps AS test\nCOPY . .\nARG BUILD_DATE=unknown\nRUN uv pip install pytest\n\n"
                "FROM base-python-pose:runtime AS runtime\n",
            ),
            QUICK,
        ),
    ),
    Variant(
        "the compose file passes hosts, labels and arguments that do not change",
        "pose-service",
        (
            Replace(
                COMPOSE,
                POSE_CONTEXT,
                f'{POSE_CONTEXT}      extra_hosts: ["registry.local:127.0.0.1"]\n      args: {{ MODE: production }}\n'
                '      labels: { a: "b" }\n      shm_size: 64m\n',
            ),
            above_pose_install("ARG MODE=development\n"),
            QUICK,
        ),
    ),
    Variant(
        "the base is named by an argument, for the platform of the machine",
        "pose-service",
        (
            Replace(
                POSE,
                "FROM base-python-pose:latest AS deps\n",
                "ARG BASE=base-python-pose\nFROM --platform=$BUILDPLATFORM ${BASE}:latest AS deps\n",
            ),
            QUICK,
        ),
    ),
    Variant(
        "the context is the repo, and every copy is narrow",
        "pose-service",
        (
            POSE_FROM_ROOT,
            Write(
                POSE,
                SHARED_POSE.format(copy="COPY pose-service/pose ./pose\nCOPY pose-service/app.py ./"),
            ),
            NARROW_ROOT,
        ),
    ),
    Variant(
        "all of the context is copied after the install",
        "frontend",
        (
            Replace(
                WEB,
                "COPY index.html ./\nCOPY public ./public\nCOPY src ./src\nRUN npm run build:page\n",
                "COPY . .\nRUN npm run build:page\n",
            ),
            *QUICK_PAGE,
        ),
    ),
    Variant(
        "a service is one file on an empty image",
        "page",
        (
            Write("page/Dockerfile", "FROM scratch\nCOPY index.html /\n"),
            Write("page/index.html", "<p>hello</p>\n"),
            Replace(COMPOSE, "services:\n", "services:\n  page:\n    build: ./page\n\n"),
        ),
        ("manifest", "base"),
    ),
    Variant(
        "a second service has the same Dockerfile and context",
        "pose-service",
        (
            Replace(
                COMPOSE,
                "services:\n",
                "services:\n  worker:\n    build: { context: ./pose-service, target: runtime }\n"
                "    command: [python, worker.py]\n\n",
            ),
            QUICK,
        ),
    ),
)
