"""What is planted in an image is found whatever it is called, and nothing else is; our own images hold nothing."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from .conftest import COMMAND, Repo

TAG = "layerproof-e2e-planted:latest"
KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n" * 3
    + "-----END PRIVATE KEY-----\n"
)
FILES = {
    "compose.yaml": """\
        name: layerproof-e2e-planted
        services:
          planted: {image: "layerproof-e2e-planted:latest", build: ./app}
        """,
    # hadolint and layerproof check have much to say about it: that is its purpose.
    "app/Dockerfile": """\
        FROM base-node:latest AS tools
        RUN apt-get update && apt-get install --yes --no-install-recommends busybox-static \\
            && apt-get download tzdata && mkdir /debs && mv tzdata*.deb /debs/
        RUN python3 -c "import os; open('/net', 'w').close(); os.chmod('/net', 0o755); \\
            os.setxattr('/net', 'security.capability', bytes([1, 0, 0, 2, 0, 4, 0, 0] + [0] * 12))"
        RUN echo 'int f(void) { return 1; }' > /f.c && gcc -c -o /f.o /f.c && ar rcs /libf.a /f.o
        RUN npm pack --pack-destination / typescript@5.6.3 && mkdir /ts && tar -xzf /typescript-*.tgz -C /ts \\
            && chmod u+s /usr/bin/env

        FROM base-python:latest AS python
        RUN uv venv --seed /srv/venv && git init --quiet --bare /mirror && git init --quiet /checkout

        FROM scratch AS first
        COPY --from=tools /usr/bin/x86_64-linux-gnu-gcc-12 /opt/bin/helper
        COPY --from=tools /usr/lib/gcc/x86_64-linux-gnu/12/cc1plus /opt/lib/one
        COPY --from=tools /usr/bin/x86_64-linux-gnu-as /opt/bin/assemble
        COPY --from=tools /usr/bin/make /opt/bin/mk
        COPY --from=tools /bin/busybox /opt/bin/box
        COPY --from=tools /usr/bin/dpkg /opt/bin/unpack
        COPY --from=tools /usr/bin/apt-get /opt/bin/fetch
        COPY --from=python /usr/bin/git /opt/bin/versions
        COPY --from=tools /usr/bin/env /opt/bin/as-root
        COPY --from=tools /net /opt/bin/net
        COPY --from=tools /usr/local/lib/node_modules/npm /app/node_modules/a/node_modules/npm
        COPY --from=tools /ts/package /app/node_modules/typescript
        COPY --from=tools /libf.a /opt/sdk/lib/f.archive
        COPY --from=tools /f.o /opt/sdk/lib/start
        COPY --from=tools /usr/include/c++/12/vector /opt/cpp/vector
        COPY --from=tools /debs /var/cache/apt/archives
        COPY --from=tools /root/.npm/_cacache /home/app/.npm/_cacache
        COPY --from=python /srv/venv /srv/venv
        COPY --from=python /mirror /srv/mirror
        COPY --from=python /checkout/.git /app/.git
        COPY files /
        COPY later/token.txt /app/token.txt

        FROM first AS runtime
        COPY later/empty.txt /app/token.txt
        ENV API_TOKEN=0123456789abcdef
        USER 0:0
        CMD ["/opt/bin/helper"]
        """,
    "app/files/lib/apk/db/installed": "P:musl\nV:1.2.4\n",
    "app/files/app/certs/server.pem": KEY,
    "app/files/home/app/.ssh/backup": KEY.replace("PRIVATE", "OPENSSH PRIVATE"),
    "app/files/app/settings.json": json.dumps({"type": "service_account", "private_key": KEY}),
    "app/files/app/.env": "DATABASE_URL=postgres://app@db\n",
    "app/files/app/tests/unit/test_app.py": "def test(): pass\n",
    "app/files/app/src/page.test.ts": "it()\n",
    "app/files/opt/sdk/include/sdk/all.hpp": "#pragma once\n#include <vector>\n",
    "app/files/opt/sdk/include/sdk/more.hpp": "#pragma once\n",
    "app/files/opt/bin/pip-by-another-name": "#!/usr/bin/python3\nfrom pip._internal.cli.main import main\n",
    "app/files/home/app/.cache/pip/http/0": "cached",
    "app/later/token.txt": "ghp_" + "a1B2" * 10,
    "app/later/empty.txt": "",
    # What only looks like it.
    "app/files/app/certs/ca.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "app/files/app/README.md": "A key begins with -----BEGIN PRIVATE KEY----- as you know.\n",
    "app/files/app/.env.example": "API_TOKEN=\n",
    "app/files/app/package.json": '{"name": "npm", "private": true, "dependencies": {}}',
    "app/files/app/make.js": "export const make = () => 1\n",
    "app/files/app/main.py": "# pip._internal is what pip is made of\n",
    "app/files/app/node_modules/a/test/key.pem": KEY,
}
LINKS = {"app/files/usr/bin/gcc": "/opt/bin/box", "app/files/usr/bin/make": "/nowhere"}
PLANTED = {
    ("compiler", "/opt/bin/helper"),
    ("compiler", "/opt/lib/one"),
    ("build-tool", "/opt/bin/assemble"),
    ("build-tool", "/opt/bin/mk"),
    ("build-tool", "/opt/bin/versions"),
    ("build-tool", "/app/node_modules/typescript"),
    ("package-manager", "/opt/bin/box"),
    ("package-manager", "/opt/bin/unpack"),
    ("package-manager", "/opt/bin/fetch"),
    ("package-manager", "/opt/bin/pip-by-another-name"),
    ("package-manager", "/app/node_modules/a/node_modules/npm"),
    ("package-database", "/lib/apk/db/installed"),
    ("package-cache", "/var/cache/apt"),
    ("package-cache", "/home/app/.npm/_cacache"),
    ("package-cache", "/home/app/.cache/pip"),
    ("headers", "/opt/sdk/include"),
    ("headers", "/opt/cpp"),
    ("static-library", "/opt/sdk/lib/f.archive"),
    ("static-library", "/opt/sdk/lib/start"),
    ("setuid", "/opt/bin/as-root"),
    ("setuid", "/opt/bin/net"),
    ("secret", "/app/certs/server.pem"),
    ("secret", "/home/app/.ssh/backup"),
    ("secret", "/app/settings.json"),
    ("secret", "/app/.env"),
    ("secret", "/app/token.txt"),
    ("secret", "ENV API_TOKEN"),
    ("vcs", "/app/.git"),
    ("vcs", "/srv/mirror"),
    ("tests", "/app/tests"),
    ("tests", "/app/src/page.test.ts"),
    ("root-user", "USER"),
}


@pytest.fixture(scope="module")
def planted(built: Repo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    root = tmp_path_factory.mktemp("planted")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.removeprefix("        ") for line in text.split("\n")))
    for name, target in LINKS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    environment = {key: value for key, value in built.environment.items() if not key.startswith("COMPOSE_")}
    found = replace(built, root=root, environment=environment)
    found.run("build")
    yield found
    found.call(["docker", "image", "rm", "--force", TAG, "layerproof-e2e-planted:before"], check=False)


def audit(repo: Repo, *words: str) -> tuple[int, dict[str, Any]]:
    done = repo.run("audit", *words, "--format", "json", check=False)
    assert done.stdout.startswith("{"), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_everything_that_was_planted_is_found_and_nothing_else(planted: Repo) -> None:
    code, document = audit(planted)
    (image,) = document["images"]
    found = {(item["kind"], item["path"]) for item in image["forbidden"]}
    in_venv = {item for item in found if item[1].startswith("/srv/venv/")}
    assert {kind for kind, _ in in_venv} == {"package-manager"}
    assert found - in_venv == PLANTED
    assert (code, image["passed"], image["user"]) == (1, False, "0:0")


def test_bytes_that_a_later_layer_overwrites_are_counted(planted: Repo) -> None:
    _, document = audit(planted)
    (image,) = document["images"]
    assert image["wasted_bytes"] == len(FILES["app/later/token.txt"])
    assert image["wasted"] == [{"path": "/app/token.txt", "size_bytes": image["wasted_bytes"]}]
    assert image["size_bytes"] == sum(layer["size_bytes"] for layer in image["layers"])
    assert {layer["from"] for layer in image["layers"]} >= {"stage tools", "stage python"}


def test_what_is_allowed_with_a_reason_is_no_finding_and_a_budget_is_one(planted: Repo) -> None:
    (planted.root / "pyproject.toml").write_text(
        "[tool.layerproof.services.planted.audit]\nmax-size-mb = 1\n"
        'allow = {"*" = "all of it is planted", "/usr/bin/nothing" = "is not there"}\n'
    )
    try:
        code, document = audit(planted)
    finally:
        (planted.root / "pyproject.toml").unlink()
    (image,) = document["images"]
    assert (code, image["forbidden"]) == (1, [])
    size, unused = image["over"]
    assert size.endswith("over its budget of 1 MB")
    assert "/usr/bin/nothing" in unused


def test_two_images_are_compared_by_content(planted: Repo) -> None:
    planted.call(["docker", "tag", TAG, "layerproof-e2e-planted:before"])
    (planted.root / "app/files/app/README.md").write_text("another readme\n")
    (planted.root / "app/files/app/main.py").write_text(FILES["app/files/app/main.py"].replace("of", "by"))
    (planted.root / "app/files/app/.env").unlink()
    planted.run("build")
    code, document = audit(planted, "--service", "planted", "--against", "layerproof-e2e-planted:before")
    assert code == 0
    changed = {item["path"]: (item["before_bytes"], item["now_bytes"]) for item in document["changes"]}
    assert set(changed) == {"/app/README.md", "/app/main.py", "/app/.env"}
    assert changed["/app/main.py"][0] == changed["/app/main.py"][1]
    assert changed["/app/.env"][1] is None
    assert [item["path"] for item in document["gone"]] == ["/app/.env"]
    assert document["appeared"] == []


def test_an_image_that_is_not_there_is_told(planted: Repo) -> None:
    done = planted.run("audit", "--service", "planted", "--against", "layerproof-nowhere:1", check=False)
    assert done.returncode == 2
    assert "there is no local image layerproof-nowhere:1" in done.stderr


def test_our_own_runtime_images_hold_nothing_that_does_not_belong_there(built: Repo) -> None:
    code, document = audit(built)
    assert {image["image"] for image in document["images"]} == {"backend-api", "frontend", "pose-service"}
    assert [image["forbidden"] + image["over"] for image in document["images"]] == [[], [], []]
    assert code == 0


def test_a_build_base_holds_compilers_and_package_managers(built: Repo) -> None:
    code, document = audit(built, "--service", "base-node")
    kinds = {item["kind"] for item in document["images"][0]["forbidden"]}
    assert {"compiler", "build-tool", "package-manager", "headers", "static-library", "setuid", "root-user"} <= kinds
    assert code == 1


def test_a_person_can_read_it_at_80_columns(built: Repo) -> None:
    command = f"stty cols 80; {shlex.quote(str(COMMAND))} audit --service backend-api --details 2>/dev/null"
    shown = built.call(["script", "--quiet", "--return", "--command", command, "/dev/null"]).stdout
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip("\r").rstrip() for line in shown.splitlines()]
    assert max(map(len, lines)) <= 80
    assert any("size by stage" in line for line in lines)
    assert any("base-node:runtime" in line for line in lines)
