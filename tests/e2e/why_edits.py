"""Edits of the real services, each with the true cause of every step that it re-runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Change = Callable[[Path, str], None]


@dataclass(frozen=True)
class Row:
    """
    Attributes:
        name: what is edited.
        service: what is built before and after.
        change: makes the edit; it is given a text that no build has seen.
        causes: for each step that has to run, in order: how its instruction begins, its cause, and what the detail has.
        setup: an edit that is built first, so that there is something to change.
        words: of the second build's command line.
    """

    name: str
    service: str
    change: Change
    causes: tuple[tuple[str, str, str], ...]
    setup: Change = lambda _root, _unique: None
    words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def put(path: str, old: str, new: str) -> Change:
    """Replace a text in a file once; `UNIQUE` in the new one becomes what no build has seen."""

    def change(root: Path, unique: str) -> None:
        text = (root / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (root / path).write_text(text.replace(old, new.replace("UNIQUE", unique), 1))

    return change


def add(path: str, text: str) -> Change:
    """Add lines to the end of a file, which may be new."""

    def change(root: Path, unique: str) -> None:
        with (root / path).open("a") as stream:
            stream.write(text.replace("UNIQUE", unique))

    return change


def drop(path: str) -> Change:
    return lambda root, _: (root / path).unlink()


def move(path: str, to: str) -> Change:
    def change(root: Path, _: str) -> None:
        (root / path).rename(root / to)

    return change


def permit(path: str, mode: int) -> Change:
    return lambda root, _: (root / path).chmod(mode)


def both(*changes: Change) -> Change:
    def change(root: Path, unique: str) -> None:
        for item in changes:
            item(root, unique)

    return change


def rebuilt_image(root: Path, unique: str) -> None:
    """Another image under a name that only this test uses."""
    text = f"FROM base-node:runtime\nLABEL unique={unique}\nRUN echo {unique} > /unique\n"
    command = ["docker", "buildx", "build", "--quiet", "--tag", "layerproof-e2e-why:1", "-"]
    subprocess.run(command, input=text, text=True, cwd=root, check=True, capture_output=True)


def pruned(root: Path, unique: str) -> None:
    """Drop one record from the cache: of a step that only this test has made."""
    # An image that is there and fresh is not built at all, and it would hold the record.
    subprocess.run(["docker", "image", "rm", "--force", "snowboarding-backend-api"], check=True, capture_output=True)
    listed = subprocess.run(
        ["docker", "buildx", "du", "--format", "{{.ID}} {{.Description}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    ids = [line.split()[0] for line in listed.stdout.splitlines() if (root / ".unique").read_text() in line]
    assert ids, "the step left no record"
    for identifier in ids:
        command = ["docker", "buildx", "prune", "--force", "--all", "--filter", f"id={identifier}"]
        subprocess.run(command, capture_output=True, check=True)


BACKEND, WEB, POSE = "backend/Dockerfile", "web/Dockerfile", "pose-service/Dockerfile"
BUILD = "RUN npm run build\n"
DIST = ("COPY --from=build /app/dist", "parent")
COMPILED = ("COPY src ./src", "RUN npm run build", "COPY --from=build /app/dist")
LAST = "COPY --from=build /app/dist ./dist\n"
INSTALLED = (
    ("RUN npm ci", "parent", ""),
    ("RUN npm prune", "parent", ""),
    ("COPY tsconfig.json", "parent", ""),
    ("COPY src", "parent", ""),
    ("RUN npm run build", "parent", ""),
)


# WORKDIR comes from the cache all the same.
ALL_STEPS = (
    *("COPY package.json package-lock.json", "RUN npm ci", "RUN npm prune", "COPY tsconfig", "COPY src"),
    *("RUN npm run build", "COPY package.json ./", "COPY --from=production-deps", "COPY --from=build"),
)
USED = "export const X = 'UNIQUE';\n"
OTHER = "export const Y = 'UNIQUE';\n"
LOG, NEW = "backend/src/log.ts", "backend/src/x.ts"
CONTEXT = "context: ./backend\n"


def given(text: str) -> Change:
    """Give the build of the backend something more in the compose file."""
    return put("docker-compose.yml", CONTEXT, f"{CONTEXT}      {text}\n")


def source(cause: str, detail: str) -> tuple[tuple[str, str, str], ...]:
    """The steps of the backend that its source re-runs."""
    return (
        ("COPY src ./src", cause, detail),
        ("RUN npm run build", "parent", "`COPY src ./src` on line 20"),
        (*DIST, detail),
    )


ROWS = (
    Row("a file of the source", "backend-api", add(LOG, USED), source("file", "src/log.ts changed")),
    Row("a new file", "backend-api", add(NEW, USED), source("file", "src/x.ts added")),
    Row(
        "a file that is gone",
        "backend-api",
        drop(NEW),
        source("file", "src/x.ts removed"),
        setup=both(add(NEW, USED), add(LOG, OTHER)),
    ),
    Row(
        "a file with another name",
        "backend-api",
        move(NEW, "backend/src/y.ts"),
        source("file", "src/y.ts renamed from src/x.ts"),
        setup=add(NEW, USED),
    ),
    Row(
        "mode bits",
        "backend-api",
        permit(LOG, 0o755),
        source("mode", "src/log.ts mode 0644 → 0755")[:2],
        setup=both(permit(LOG, 0o644), add(LOG, USED)),
    ),
    Row(
        "what a bind mount takes",
        "backend-api",
        add("backend/note.txt", "UNIQUE\n"),
        (("RUN npm run build", "file", "note.txt added"),),
        setup=put(BACKEND, BUILD, "RUN --mount=type=bind,source=.,target=/context npm run build && : UNIQUE\n"),
    ),
    Row("nothing but a comment", "backend-api", put(BACKEND, "COPY src", "# UNIQUE\nCOPY src"), ()),
    Row(
        "an instruction",
        "backend-api",
        put(BACKEND, BUILD, "RUN npm run build && : UNIQUE\n"),
        (("RUN npm run build", "instruction", "was `RUN npm run build`"),),
    ),
    Row(
        "a new step",
        "backend-api",
        put(BACKEND, BUILD, f"{BUILD}RUN : UNIQUE\n"),
        (("RUN :", "instruction", "it is new"),),
    ),
    Row(
        "a step that is gone",
        "backend-api",
        put(BACKEND, "RUN : one\n", ""),
        (("RUN : two", "instruction", "it stood on `RUN : one`"),),
        setup=put(BACKEND, BUILD, f"{BUILD}RUN : UNIQUE\nRUN : one\nRUN : two\n"),
    ),
    Row(
        "steps in another order",
        "backend-api",
        put(BACKEND, "RUN : one\nRUN : two\n", "RUN : two\nRUN : one\n"),
        (("RUN : two", "instruction", ""), ("RUN : one", "parent", "RUN : two")),
        setup=put(BACKEND, BUILD, f"{BUILD}RUN : UNIQUE\nRUN : one\nRUN : two\n"),
    ),
    Row(
        "the shell",
        "backend-api",
        put(BACKEND, BUILD, f'SHELL ["/bin/bash", "-c"]\n{BUILD}'),
        (("RUN npm run build", "instruction", "SHELL: not set → /bin/bash -c"),),
        setup=add(LOG, USED),
    ),
    Row(
        "an environment variable",
        "backend-api",
        put(BACKEND, "ENV PORT=3001", "ENV PORT=3001 X=UNIQUE"),
        (("RUN npm run build", "instruction", "ENV X on line 18: not set → "),),
    ),
    Row(
        "the user",
        "backend-api",
        put(BACKEND, "RUN : last\n", "USER 1000:1000\nRUN : last\n"),
        (("RUN : last", "instruction", "USER: not set → 1000:1000"),),
        setup=put(BACKEND, BUILD, f"{BUILD}RUN : UNIQUE\nRUN : last\n"),
    ),
    Row(
        "the working folder",
        "backend-api",
        put(BACKEND, "WORKDIR /tmp\nRUN : last\n", "WORKDIR /var\nRUN : last\n"),
        (("WORKDIR /var", "instruction", "was `WORKDIR /tmp`"), ("RUN : last", "instruction", "WORKDIR: /tmp → /var")),
        setup=put(BACKEND, BUILD, f"{BUILD}RUN : UNIQUE\nWORKDIR /tmp\nRUN : last\n"),
    ),
    Row(
        "a build argument",
        "backend-api",
        put("docker-compose.yml", "GIT_SHA: one", "GIT_SHA: UNIQUE"),
        (("RUN npm run build", "argument", "ARG GIT_SHA on line 21: one → "),),
        setup=both(put(BACKEND, BUILD, f"ARG GIT_SHA\n{BUILD}"), given("args: { GIT_SHA: one }")),
    ),
    Row(
        "a secret in a build argument",
        "backend-api",
        put("docker-compose.yml", "NPM_TOKEN: one", "NPM_TOKEN: UNIQUE"),
        (("RUN npm run build", "argument", "ARG NPM_TOKEN on line 21: (masked) → (masked)"),),
        setup=both(put(BACKEND, BUILD, f"ARG NPM_TOKEN\n{BUILD}"), given("args: { NPM_TOKEN: one }")),
    ),
    Row(
        "the default of an argument, by way of an ENV",
        "backend-api",
        put(BACKEND, "ARG LEVEL=one", "ARG LEVEL=UNIQUE"),
        (("RUN npm run build", "argument", "ARG LEVEL on line 21: one → "),),
        setup=put(BACKEND, BUILD, f"ARG LEVEL=one\nENV SHOWN=$LEVEL\n{BUILD}"),
    ),
    Row(
        "where something is copied to",
        "backend-api",
        put(BACKEND, LAST, "COPY --from=build /app/dist /UNIQUE\n"),
        (("COPY --from=build /app/dist", "instruction", "was `COPY --from=build /app/dist ./dist`"),),
    ),
    Row(
        "the owner of what is copied",
        "backend-api",
        put(BACKEND, "COPY --from=build /app/dist /", "COPY --chown=1234 --from=build /app/dist /"),
        (("COPY --from=build /app/dist", "instruction", "its flags were"),),
        setup=put(BACKEND, LAST, "COPY --from=build /app/dist /UNIQUE\n"),
    ),
    Row(
        "the text of a here-document",
        "backend-api",
        put(BACKEND, "first\n", "UNIQUE\n"),
        (("COPY <<END /note", "instruction", "its text changed"),),
        setup=put(BACKEND, LAST, f"{LAST}COPY <<END /note\nfirst\nEND\n"),
    ),
    Row(
        "an ignore file that keeps out more",
        "backend-api",
        add("backend/.dockerignore", "src/x.ts\n"),
        source("file", "src/x.ts removed"),
        setup=both(add(NEW, USED), add(LOG, OTHER)),
    ),
    Row(
        "a named context",
        "backend-api",
        add("extra/more.txt", "UNIQUE\n"),
        (("COPY --from=extra", "file", "extra/more.txt changed"),),
        setup=both(
            lambda root, _: (root / "extra").mkdir(),
            add("extra/more.txt", "first\n"),
            put(BACKEND, LAST, f"{LAST}COPY --from=extra more.txt /more.txt\n"),
            given("additional_contexts: { extra: ./extra }"),
        ),
    ),
    Row(
        "a manifest",
        "backend-api",
        put("backend/package.json", '"description": "', '"description": "UNIQUE '),
        (
            ("COPY package.json package-lock.json", "file", "package.json changed"),
            *INSTALLED,
            ("COPY package.json ./", "file", "package.json changed"),
            ("COPY --from=production-deps", "parent", "package.json"),
            ("COPY --from=build", "parent", "package.json"),
        ),
    ),
    Row(
        "another image under the same name",
        "backend-api",
        rebuilt_image,
        (
            ("WORKDIR /app", "base", "layerproof-e2e-why:1: "),
            ("COPY package.json ./", "parent", "layerproof-e2e-why:1"),
            ("COPY --from=production-deps", "parent", "layerproof-e2e-why:1"),
            ("COPY --from=build", "parent", "layerproof-e2e-why:1"),
        ),
        setup=both(rebuilt_image, put(BACKEND, "FROM base-node:runtime AS", "FROM layerproof-e2e-why:1 AS")),
    ),
    Row(
        "a step of a base",
        "backend-api",
        put("docker/base-node/Dockerfile", "COPY --from=trimmed / /\n", "COPY --from=trimmed / /\nRUN : UNIQUE\n"),
        (
            ("WORKDIR /app", "parent", "base-node-runtime `RUN : "),
            ("COPY package.json ./", "parent", "base-node-runtime `RUN : "),
            ("COPY --from=production-deps", "parent", "base-node-runtime `RUN : "),
            ("COPY --from=build", "parent", "base-node-runtime `RUN : "),
        ),
    ),
    Row(
        "a record that the cache has dropped",
        "backend-api",
        pruned,
        (("RUN : ", "record-gone", "its cache record was dropped"),),
        setup=both(add(BACKEND, "RUN : UNIQUE\n"), add(".unique", "UNIQUE")),
    ),
    Row(
        "one file of a Python service",
        "pose-service",
        add("pose-service/app.py", "# UNIQUE\n"),
        (
            ("COPY app.py ./", "file", "app.py changed"),
            ("RUN python -m compileall", "parent", "`COPY app.py ./` on line 17"),
            ("COPY --from=build /app ./", "parent", "app.py changed"),
        ),
    ),
    Row(
        "a module of a Python package",
        "pose-service",
        add("pose-service/pose/logs.py", "# UNIQUE\n"),
        (
            ("COPY pose ./pose", "file", "pose/logs.py changed"),
            ("COPY app.py ./", "parent", "`COPY pose ./pose` on line 16"),
            ("RUN python -m compileall", "parent", "pose/logs.py changed"),
            ("COPY --from=build /app ./", "parent", "pose/logs.py changed"),
        ),
    ),
    Row(
        "an asset",
        "frontend",
        add("web/public/favicon.svg", "<!-- UNIQUE -->\n"),
        (
            ("COPY public ./public", "file", "public/favicon.svg changed"),
            ("COPY src ./src", "parent", "`COPY public ./public` on line 26"),
            ("RUN npm run build:page", "parent", "public/favicon.svg"),
            ("COPY --from=build /app/dist", "parent", "public/favicon.svg"),
        ),
    ),
    Row(
        "the server of the page",
        "frontend",
        add("web/server/main.ts", USED),
        (
            ("COPY server ./server", "file", "server/main.ts changed"),
            ("RUN npm run build:server", "parent", ""),
            ("COPY index.html ./", "parent", "server/main.ts"),
            ("COPY public ./public", "parent", "server/main.ts"),
            ("COPY src ./src", "parent", "server/main.ts"),
            ("RUN npm run build:page", "parent", "server/main.ts"),
            ("COPY --from=build /app/dist", "parent", "server/main.ts"),
        ),
    ),
    Row(
        "two things at once",
        "frontend",
        both(
            add("web/src/App.tsx", "// UNIQUE\n"),
            put(WEB, "RUN npm run build:page\n", "RUN npm run build:page && : UNIQUE\n"),
        ),
        (
            ("COPY src ./src", "file", "src/App.tsx changed"),
            ("RUN npm run build:page", "instruction", "was `RUN npm run build:page`"),
        ),
    ),
    Row(
        "a build without the cache",
        "backend-api",
        lambda _root, _unique: None,
        tuple((begin, "no-cache", "") for begin in ALL_STEPS),
        words=("--no-cache",),
    ),
)
