"""Defects put into this repo, one at a time, and the rule that has to tell each one, at which line."""

from __future__ import annotations

from dataclasses import dataclass

COMPOSE, DEV = "docker-compose.yml", "docker-compose.dev.yml"
BACKEND, WEB, POSE = "backend/Dockerfile", "web/Dockerfile", "pose-service/Dockerfile"
NODE, PYTHON, PYTHON_POSE = (f"docker/{name}/Dockerfile" for name in ("base-node", "base-python", "base-python-pose"))
WORKFLOW = ".github/workflows/images.yml"


@dataclass(frozen=True)
class Mutant:
    """
    One defect.

    Attributes:
        edits: path, text that is there (None: the file is new, "": at its end), text in its place.
        rule: who tells it, in `path`, at the first line with `at` in it ("" for the first line).
        also: rules that rightly tell something of the same defect.
    """

    name: str
    edits: tuple[tuple[str, str | None, str], ...]
    rule: str
    path: str
    at: str
    also: tuple[str, ...] = ()


def _one(name: str, rule: str, path: str, old: str | None, new: str, at: str, *also: str) -> Mutant:
    return Mutant(name, ((path, old, new),), rule, path, at, also)


_NPM = "RUN --mount=type=cache,target=/root/.npm npm ci"
_BUILD_STEP = """
      - uses: docker/build-push-action@v6
        with:
          context: {0}
          push: true
          tags: registry.example/{0}
          cache-to: type=gha,mode=max{1}
"""
_JOB = "on: push\njobs:\n  images:\n    runs-on: ubuntu-latest\n    steps:\n"

MUTANTS = (
    _one("stage deps renamed", "LP001", WEB, "AS deps", "AS modules", "AS modules", "LP015"),
    Mutant("no stage runtime", ((POSE, "AS runtime", "AS final"), (COMPOSE, "context: ./pose-service\n      target: runtime", "context: ./pose-service")), "LP001", POSE, "AS deps"),
    Mutant("build before deps", ((BACKEND, "latest AS deps", "latest AS build"), (BACKEND, "FROM deps AS production", "FROM build AS production"), (BACKEND, "FROM deps AS build", "FROM build AS deps"), (BACKEND, "--from=build", "--from=deps")), "LP001", BACKEND, "latest AS build", ("LP002",)),
    _one("source in deps", "LP002", WEB, f"{_NPM}\n", f"{_NPM}\nCOPY src ./src\n", "COPY src ./src"),
    _one("a mount of the source in deps", "LP002", POSE, "--mount=type=cache,target=/root/.cache/uv", "--mount=type=bind,target=/source --mount=type=cache,target=/root/.cache/uv", "--mount=type=bind", "LP003"),
    _one("everything copied before npm ci", "LP003", BACKEND, "COPY package.json package-lock.json ./", "COPY . .", "npm ci", "LP002"),
    _one("source before the install of pose-service", "LP003", POSE, "COPY requirements.lock ./", "COPY requirements.lock app.py ./", "RUN --mount=type=cache,target=/root/.cache/uv", "LP002"),
    _one("system packages after the source", "LP003", BACKEND, "RUN npm run build", "RUN apt-get update && apt-get install -y --no-install-recommends git\nRUN npm run build", "apt-get"),
    _one("web builds from backend's folder", "LP004", COMPOSE, "context: ./web", "context: ./backend/", "context: ./backend/"),
    _one("web builds from the root", "LP004", COMPOSE, "context: ./web\n      target: runtime", "context: .\n      dockerfile: web/Dockerfile\n      target: runtime", "context: .\n", "LP005", "LP007", "LP019", "LP018"),
    _one("web is built with backend's Dockerfile", "LP004", COMPOSE, "context: ./web\n", "context: ./web\n      dockerfile: ../backend/Dockerfile\n", "dockerfile: ../backend"),
    _one("logs reach the context", "LP005", "web/.dockerignore", "**/*.log\n", "", ""),
    _one("models at the top only", "LP005", "pose-service/.dockerignore", "**/*.pkl", "*.pkl", ""),
    _one("an exception lets .env in", "LP005", "backend/.dockerignore", "", "!.env\n", "!.env"),
    _one("a base that lets everything in", "LP005", "docker/base-python/.dockerignore", "*\n!trim", "!trim", ""),
    _one("no GPU reserved", "LP006", COMPOSE, "        reservations:\n          devices:\n            - { driver: nvidia, count: 1, capabilities: [gpu] }\n", "", "deploy:"),
    _one("another driver", "LP006", COMPOSE, "driver: nvidia", "driver: amd", "devices:"),
    _one("a GPU for the backend", "LP006", COMPOSE, "        limits: { memory: 512m }\n", "        limits: { memory: 512m }\n        reservations: { devices: [{ driver: nvidia, count: 1, capabilities: [gpu] }] }\n", "capabilities: [gpu] }] }"),
    _one("a start script that installs", "LP007", "pose-service/start.sh", None, "#!/bin/sh\nset -e\npip install -r requirements.txt\nexec python app.py\n", "pip install"),
    _one("a script without a suffix", "LP007", "backend/entrypoint", None, "#!/bin/sh\nnpm ci --omit=dev\nexec node dist/server.js\n", "npm ci"),
    _one("npm installs before it starts", "LP007", "backend/package.json", '"scripts": {', '"scripts": {\n    "prestart": "npm install",', "prestart"),
    _one("the script that starts the stack", "LP007", "start.sh", None, "#!/bin/sh\n(cd web && npm install)\ndocker compose up\n", "npm install"),
    _one("source on a Windows drive", "LP008", COMPOSE, "- pose_service_data:/data", "- /mnt/c/Users/me/data:/data", "/mnt/c"),
    _one("install at start", "LP009", COMPOSE, "    environment:\n      BACKEND_URL", '    command: sh -c "npm ci && node dist/server/main.js"\n    environment:\n      BACKEND_URL', "command:"),
    _one("install at start in development", "LP009", DEV, "  frontend:\n", '  frontend:\n    command: sh -c "npm install && npm run dev"\n', "command: sh"),
    _one("install in a health check", "LP009", COMPOSE, """test: ["CMD", "mongosh", "--quiet", "--eval", "db.adminCommand('ping').ok"]""", 'test: ["CMD-SHELL", "apt-get install -y curl && curl -f localhost:27017"]', "apt-get"),
    _one("an instruction misspelt", "LP010", WEB, "COPY public ./public", "COPPY public ./public", "COPPY"),
    _one("a target that is no stage", "LP010", COMPOSE, "context: ./web\n      target: runtime", "context: ./web\n      target: prod", "build:\n      context: ./web"),
    _one("npm without its cache", "LP011", WEB, _NPM, "RUN npm ci", "RUN npm ci"),
    _one("uv without its cache", "LP011", PYTHON_POSE, "RUN --mount=type=cache,target=/root/.cache/uv \\\n    uv pip install --no-deps --require-hashes --requirement /opt/requirements.lock", "RUN uv pip install --no-deps --require-hashes --requirement /opt/requirements.lock", "RUN uv pip"),
    _one("npm ci in runtime", "LP012", BACKEND, "COPY --from=production-deps /app/node_modules ./node_modules", "RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev", "npm ci --omit=dev"),
    _one("an install in build", "LP012", POSE, "COPY pose ./pose\n", "COPY requirements.lock ./\nRUN --mount=type=cache,target=/root/.cache/uv uv pip install -r requirements.lock\nCOPY pose ./pose\n", "uv pip install -r"),
    _one("a compiler in runtime", "LP012", POSE, "USER 10001:10001\n", "RUN apt-get update && apt-get install -y --no-install-recommends gcc\nUSER 10001:10001\n", "gcc", "LP003"),
    _one("runtime from the build base", "LP013", WEB, "FROM base-node:runtime AS runtime", "FROM base-node:latest AS runtime", "AS runtime"),
    _one("runtime from the build stage", "LP013", BACKEND, "FROM base-node:runtime AS runtime", "FROM build AS runtime", "AS runtime"),
    _one("runtime from CUDA's devel image", "LP013", POSE, "FROM base-python-pose:runtime AS runtime", "FROM nvidia/cuda:12.1.1-cudnn8-devel-ubuntu22.04 AS runtime", "AS runtime"),
    _one("runs as root", "LP014", POSE, "USER 10001:10001\n", "", "AS runtime"),
    _one("root again at the end", "LP014", POSE, 'CMD ["python", "app.py"]', 'USER root\nCMD ["python", "app.py"]', "USER root"),
    _one("an upstream without a tag", "LP015", NODE, "ARG NODE_IMAGE=node:18-bookworm-slim", "ARG NODE_IMAGE=node", "FROM ${NODE_IMAGE} AS build"),
    _one("files of a floating image", "LP015", BACKEND, "COPY package.json ./\nCOPY --from=production-deps", "COPY --from=busybox:latest /bin/busybox /bin/\nCOPY package.json ./\nCOPY --from=production-deps", "busybox"),
    _one("a password in ENV", "LP016", BACKEND, "ENV PORT=3001\nCOPY package.json", "ENV PORT=3001 MONGO_PASSWORD=hunter2\nCOPY package.json", "hunter2"),
    _one("a token as an argument", "LP016", WEB, "WORKDIR /app\nCOPY package.json package-lock.json ./", "ARG NPM_TOKEN\nWORKDIR /app\nCOPY package.json package-lock.json ./", "NPM_TOKEN"),
    _one("a private key copied", "LP016", BACKEND, "COPY tsconfig.json", "COPY server.key /etc/ssl/\nCOPY tsconfig.json", "server.key"),
    _one("a named context beside the repo", "LP017", COMPOSE, "context: ./web\n", "context: ./web\n      additional_contexts: { lib: ../lib }\n", "lib: ../lib"),
    _one("a dump in the context", "LP018", "backend/dump.sql", None, "x" * 300_000, ""),
    _one("an ignore file a folder too low", "LP019", "web/src/.dockerignore", None, "*.log\n", "*.log"),
    _one("a base with the backend's source", "LP020", NODE, "WORKDIR /app\n\nFROM", "WORKDIR /app\nCOPY src ./src\n\nFROM", "COPY src", "LP005"),
    _one("a base with a port", "LP021", NODE, 'CMD ["node"]', 'EXPOSE 3001\nCMD ["node"]', "EXPOSE"),
    Mutant("a service on another's image", ((WEB, "FROM base-node:runtime AS runtime", "FROM snowboarding-backend-api:latest AS runtime"),), "LP022", COMPOSE, "build:\n      context: ./web"),
    _one("no health check", "LP023", COMPOSE, """    healthcheck:
      test: ["CMD", "mongosh", "--quiet", "--eval", "db.adminCommand('ping').ok"]
      interval: 10s
      timeout: 10s
      retries: 6
      start_period: 60s
      start_interval: 2s
""", "", "  mongodb:\n"),
    _one("the database open to the network", "LP024", COMPOSE, '"127.0.0.1:${MONGODB_PORT:-27017}:27017"', '"${MONGODB_PORT:-27017}:27017"', "27017}:27017", "LP025"),
    _one("a password in the compose file", "LP025", COMPOSE, "MONGO_INITDB_ROOT_PASSWORD: ${MONGO_PASSWORD:-password}", "MONGO_INITDB_ROOT_PASSWORD: password", "ROOT_PASSWORD: password"),
    _one("no memory limit", "LP026", COMPOSE, "    deploy:\n      resources:\n        limits: { memory: 1g }\n", "", "  mongodb:\n"),
    _one("two images write one CI cache", "LP027", WORKFLOW, None, _JOB + _BUILD_STEP.format("web", "") + _BUILD_STEP.format("backend", ",ignore-error=true"), "ignore-error"),
    _one("a floating database", "LP028", COMPOSE, "image: mongo:7.0", "image: mongo:latest", "mongo:latest"),
    _one("an image without a tag", "LP028", COMPOSE, "image: mongo-express:1.0.2", "image: mongo-express", "image: mongo-express"),
    _one("the commit above the install", "LP029", BACKEND, "WORKDIR /app\nCOPY package.json package-lock.json ./", "ARG GIT_SHA\nWORKDIR /app\nCOPY package.json package-lock.json ./", "GIT_SHA"),
    _one("an install in CMD", "LP030", BACKEND, 'CMD ["node", "dist/server.js"]', 'CMD ["sh", "-c", "npm ci --omit=dev && node dist/server.js"]', "npm ci --omit"),
    _one("a script that builds the base last", "LP031", "build.sh", None, "#!/bin/sh\ndocker build -t snowboarding-backend-api backend\ndocker build -t base-node docker/base-node\n", "backend"),
    _one("an ignore without a reason", "LP000", WEB, "RUN npm run build:server", "# layerproof: ignore=LP003\nRUN npm run build:server", "layerproof: ignore"),
    _one("an ignore that silences nothing", "LP000", COMPOSE, "  mongodb:\n    image", "  mongodb: # layerproof: ignore=LP026 small\n    image", "layerproof: ignore"),
)  # fmt: skip
