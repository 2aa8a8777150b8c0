"""A small monorepo with every way to bring a file, an argument or a setting to a step, and random edits of it."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

UPSTREAM = "node:18-bookworm-slim"
FILES = {
    "compose.yaml": """\
name: NAME
services:
  api:
    build: {context: ./api, args: {GREETING: hi, API_TOKEN: one}}
  web:
    build: {context: ./web, additional_contexts: {shared: ./shared}}
""",
    "docker/base-shop/Dockerfile": f"""\
FROM {UPSTREAM} AS build
ENV BASE_MODE=1
RUN echo NAME > /base
WORKDIR /app
FROM build AS runtime
RUN echo slim >> /base
""",
    "docker/base-shop/.dockerignore": "**\n",
    "api/Dockerfile": """\
FROM base-shop:latest AS deps
COPY package*.json ./
RUN cat package*.json > installed
FROM deps AS build
ARG GREETING=hello
ARG API_TOKEN
COPY --chmod=755 tool.sh /usr/bin/tool
COPY src ./src
RUN --mount=type=bind,source=conf,target=/conf cat /conf/* src/* > built; echo $GREETING >> built
RUN <<EOF
echo $API_TOKEN | wc -c > size
EOF
FROM base-shop:runtime AS runtime
ENV MODE=prod
USER 1000
COPY --from=build --link /app/built ./built
COPY <<END /app/note
note
END
RUN echo $MODE > /tmp/mode
""",
    "api/.dockerignore": "**/*.log\n!src/keep.log\nREADME.md\n",
    "api/package.json": "{}\n",
    "api/package-lock.json": "{}\n",
    "api/tool.sh": "#!/bin/sh\n",
    "api/src/main.js": "main\n",
    "api/src/keep.log": "kept\n",
    "api/src/drop.log": "dropped\n",
    "api/src/deep/er/x.js": "x\n",
    "api/conf/a.ini": "a\n",
    "api/README.md": "read\n",
    "web/Dockerfile": """\
FROM base-shop:latest AS build
COPY . .
COPY --from=shared lib /lib/shared
RUN cat index.html > page
FROM scratch
COPY --from=build /app/page /page
""",
    "web/.dockerignore": "node_modules\n",
    "web/index.html": "<p>\n",
    "web/sub/style.css": "p {}\n",
    "web/node_modules/m.js": "m\n",
    "shared/lib/util.js": "util\n",
    "shared/other.txt": "other\n",
}

Edit = Callable[[Path, random.Random], None]


def write_shop(root: Path, *, name: str) -> None:
    """Write it; `name` is that of the Compose project and keeps its steps apart from what other tests have cached."""
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text.replace("NAME", name))


def edit(root: Path, chance: random.Random) -> str:
    """Make one random edit; returns what it was."""
    change = chance.choice(_EDITS)
    return f"{change.__name__}: {change(root, chance)}"


def _files(root: Path) -> list[Path]:
    skipped = (".git", ".layerproof", ".saved")
    paths = sorted(
        path for path in root.rglob("*") if path.is_file() and not any(part in skipped for part in path.parts)
    )
    return [path for path in paths if path.name not in ("Dockerfile", "compose.yaml", ".dockerignore")]


def content(root: Path, chance: random.Random) -> str:
    path = chance.choice(_files(root))
    path.write_text(f"{path.read_text()}{chance.randrange(10**6)}\n")
    return str(path)


def same_size(root: Path, chance: random.Random) -> str:
    path = chance.choice([path for path in _files(root) if path.read_text().strip()])
    text = path.read_text()
    path.write_text(text[:-2] + chance.choice("abcdefgh") + text[-1])
    return str(path)


def touch(root: Path, chance: random.Random) -> str:
    path = chance.choice(_files(root))
    path.touch()
    return str(path)


def mode(root: Path, chance: random.Random) -> str:
    path = chance.choice(_files(root))
    path.chmod(chance.choice([0o644, 0o755, 0o600]))
    return str(path)


def added(root: Path, chance: random.Random) -> str:
    folder = chance.choice(sorted({path.parent for path in _files(root)}))
    path = folder / chance.choice(["new.js", "new.log", "package-new.json", "README.md", "b.ini"])
    path.write_text(f"{chance.randrange(3)}\n")
    return str(path)


def removed(root: Path, chance: random.Random) -> str:
    spared = ("package.json", "tool.sh", "index.html", "main.js", "a.ini", "util.js")
    found = [path for path in _files(root) if path.name not in spared]
    if not found:
        return "nothing"
    path = chance.choice(found)
    path.unlink()
    return str(path)


def folder(root: Path, chance: random.Random) -> str:
    path = root / chance.choice(["api/src/empty", "web/empty", "web/node_modules/empty", "api/logs.log"])
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.mkdir()
    return str(path)


def link(root: Path, chance: random.Random) -> str:
    path = root / chance.choice(["api/src/link.js", "web/link"])
    path.unlink(missing_ok=True)
    path.symlink_to(chance.choice(["main.js", "index.html", "nowhere"]))
    return str(path)


def ignored(root: Path, chance: random.Random) -> str:
    path = root / chance.choice(["api/.dockerignore", "web/.dockerignore"])
    lines = path.read_text().splitlines()
    chance.choice(
        [lambda: lines.append(chance.choice(["**/*.css", "!**/er", "src/deep", "conf/b*", "# none"])), lines.pop]
    )()
    path.write_text("".join(f"{line}\n" for line in lines) or "\n")
    return str(path)


def dockerfile(root: Path, chance: random.Random) -> str:
    path = root / chance.choice(["api", "web", "docker/base-shop"]) / "Dockerfile"
    before, after = chance.choice(
        [
            ("RUN cat", "RUN  cat"),
            ("RUN cat", "RUN true; cat"),
            ("RUN true; cat", "RUN cat"),
            ("ENV MODE=prod", f"ENV MODE=prod{chance.randrange(3)}"),
            ("ENV BASE_MODE=1", f"ENV BASE_MODE={chance.randrange(3)}"),
            ("USER 1000", f"USER {1000 + chance.randrange(2)}"),
            ("WORKDIR /app", "WORKDIR /srv\nWORKDIR /app"),
            ("WORKDIR /srv\n", ""),
            ("ARG GREETING=hello", f"ARG GREETING=hello{chance.randrange(2)}"),
            ("ARG GREETING", "LABEL a=b\nARG GREETING"),
            ("COPY src ./src", "# why\nCOPY src ./src"),
            ("COPY src ./src", "COPY ./src/ src/"),
            ("note\nEND", f"note{chance.randrange(3)}\nEND"),
            ("echo slim", f"echo slim {chance.randrange(3)}"),
            ("RUN echo $MODE", "RUN echo more\nRUN echo $MODE"),
            ("RUN echo more\n", ""),
            ("--chmod=755", "--chmod=700"),
            ("echo $API_TOKEN", f"echo {chance.randrange(3)} $API_TOKEN"),
            ("AS deps", "AS deps0"),
            ("FROM deps AS", "FROM deps0 AS"),
        ]
    )
    text = path.read_text()
    changed = text.replace(before, after, 1)
    if "AS deps0" in changed:
        changed = changed.replace("FROM deps AS", "FROM deps0 AS")
    elif "AS deps" in changed:
        changed = changed.replace("FROM deps0 AS", "FROM deps AS")
    path.write_text(changed)
    return f"{path}: {before!r} -> {after!r}" if changed != text else "nothing"


def argument(root: Path, chance: random.Random) -> str:
    path = root / "compose.yaml"
    name = chance.choice(["GREETING", "API_TOKEN"])
    head, _, rest = path.read_text().partition(f"{name}: ")
    value, mark, rest = (
        rest[: len(rest) - len(rest.lstrip("abcdefghijklmnopqrstuvwxyz0123456789"))],
        "",
        rest.lstrip("abcdefghijklmnopqrstuvwxyz0123456789"),
    )
    path.write_text(f"{head}{name}: {chance.choice(['hi', 'ho', 'one', 'two'])}{mark}{rest}")
    return f"{name}, was {value}"


def saved(root: Path, chance: random.Random) -> str:
    """Keep the tree, or go back to what was kept."""
    place = root / ".saved"
    if not place.is_dir():
        for name in ("api", "web", "docker", "shared"):
            shutil.copytree(root / name, place / name, symlinks=True)
        shutil.copy(root / "compose.yaml", place)
        return "kept"
    for name in ("api", "web", "docker", "shared"):
        shutil.rmtree(root / name)
        shutil.copytree(place / name, root / name, symlinks=True)
    shutil.copy(place / "compose.yaml", root / "compose.yaml")
    if chance.random() < 0.5:
        shutil.rmtree(place)
    return "went back"


def nothing(root: Path, chance: random.Random) -> str:
    time.sleep(0.01)
    return ""


_EDITS: tuple[Callable[[Path, random.Random], str], ...] = (
    *(content, content, same_size, touch, mode, mode, added, added, removed, folder, link, ignored),
    *(dockerfile, dockerfile, dockerfile, dockerfile, argument, argument, saved, saved, nothing),
)
