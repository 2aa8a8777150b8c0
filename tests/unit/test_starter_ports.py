"""The port that a service listens on is told from those that it connects to."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from layerproof.starters.ports import find_port
from tests.starter_samples import SAMPLES, found, node


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("app.listen(3000)", 3000),
        ("app.listen(process.env.PORT || 4000)", 4000),
        ("app.listen({ port: Number(process.env.PORT ?? 4001), host: '0.0.0.0' })", 4001),
        ("app.listen(port, '127.0.0.1', 511)", None),
        ("const db = { port: 5433 };\napp.listen({\n  host: '0.0.0.0',\n  port: 3001,\n})", 3001),
        ("const port = Number(process.env.PORT ?? 8080);", 8080),
        ("app.run(host='0.0.0.0', port=5001)", 5001),
        ("uvicorn.run('main:app', host='0.0.0.0', port=int(os.environ.get('PORT', 8123)))", 8123),
        ('int(os.environ.get("PORT", "7000"))', 7000),
        ('http.ListenAndServe(":8090", nil)', 8090),
        ('srv := &http.Server{Addr: ":8091"}', 8091),
        ('bind("0.0.0.0:7070")', 7070),
        ('HTTPServer(("0.0.0.0", 9000), Handler)', 9000),
        ('asyncio.start_server(handle, "0.0.0.0", 8888)', 8888),
        ("SocketAddr::from(([0, 0, 0, 0], 3001))", 3001),
        ('port := "8092"\nhttp.ListenAndServe(":"+port, nil)', 8092),
        ('flag.Int("port", 8093, "where it listens")', 8093),
        ("parser.add_argument('--port', type=int, default=8094)", 8094),
        ("config.get('redis.port', 6380)", None),
        ("redis.Redis(host='redis', port=6379)", None),
        ("redis.Redis(host='redis', port=6380)", None),
        ("new Pool({ host: 'db', port: 5433 })", None),
        ('rdb := redis.NewClient(&redis.Options{Addr: "localhost:6379"})', None),
        ('const API = "localhost:4000"', None),
        ("fetch('http://example.com')", None),
        ("port = 99999", None),
    ],
)
def test_the_port_is_the_one_that_the_source_listens_on(text: str, port: int | None) -> None:
    assert find_port({"main.txt": text}) == port


def test_a_call_that_listens_says_more_than_a_setting() -> None:
    assert find_port({"a.js": "const port = 4000", "b.js": "app.listen(3000)"}) == 3000


def test_the_file_that_starts_says_more_than_the_others() -> None:
    texts = {"metrics.go": 'http.ListenAndServe(":9100", nil)', "cmd/api/main.go": 'http.ListenAndServe(":8080", nil)'}
    assert find_port(texts, "cmd/api") == 8080
    assert find_port(texts, ".") == 9100
    assert find_port({"src/admin.ts": "app.listen(3999)", "src/main.ts": "app.listen(3000)"}, "dist/main.js") == 3000


def spring(**files: str) -> dict[str, str]:
    return {"pom.xml": SAMPLES["spring"]["pom.xml"], **{f"src/main/{path}": text for path, text in files.items()}}


# what it is, the files, and the port
SERVICES: tuple[tuple[str, Mapping[str, str], int], ...] = (
    (
        "Flask beside Redis",
        {
            "requirements.txt": "flask==3\nredis==5\n",
            "app.py": "app = Flask(__name__)\ncache = redis.Redis(host='redis', port=6379)\n",
        },
        5000,
    ),
    (
        "Go beside Redis",
        {
            "go.mod": "module a\n",
            "cache.go": 'package main\nvar c = redis.NewClient(&redis.Options{Addr: "localhost:6379"})\n',
            "main.go": 'package main\nfunc main() { http.ListenAndServe(":8080", nil) }\n',
        },
        8080,
    ),
    (
        "Fastify beside PostgreSQL",
        {
            **node(scripts={"start": "node server.js"}, dependencies={"fastify": "5"}),
            "db.js": "module.exports = { host: 'db', port: 5432 }",
            "server.js": "app.listen({ port: 3000, host: '0.0.0.0' })",
        },
        3000,
    ),
    (
        "Next.js beside PostgreSQL",
        {
            **node(scripts={"build": "next build"}, dependencies={"next": "15"}),
            "next.config.mjs": "export default { output: 'standalone' }",
            "lib/db.ts": "export const options = {\n  host: 'db',\n  port: 5433,\n}",
        },
        3000,
    ),
    (
        "Spring Boot with mail and Redis",
        spring(
            **{"resources/application.properties": "spring.mail.port=587\nspring.data.redis.port=6379\n"},
        ),
        8080,
    ),
    (
        "Spring Boot with Redis before its own",
        spring(
            **{
                "resources/application.yml": "spring:\n  data:\n    redis:\n      port: 6379\nserver:\n"
                "  tomcat:\n    threads: 4\n  port: ${PORT:9090}\n",
                "resources/application-test.yml": "server.port: 1\n",
            },
        ),
        9090,
    ),
    (
        "Spring Boot with a key of two words",
        spring(**{"resources/application.yaml": "server.port: 9191 # mine\n"}),
        9191,
    ),
)


@pytest.mark.parametrize(("files", "port"), [row[1:] for row in SERVICES], ids=[row[0] for row in SERVICES])
def test_a_port_of_what_a_service_talks_to_is_not_its_own(files: Mapping[str, str], port: int) -> None:
    assert found(files).port == port
