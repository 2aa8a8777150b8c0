"""Which services keep data or administer what does, and which of their ports the network reaches."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from layerproof.model import Image, Service
from layerproof.policy.chains import upstream_of
from layerproof.references import upstream_name

# What the last part of an image's name says; bitnami/redis and redis are one.
_STORES = frozenset(
    """
    mongo mongodb mongodb-community-server mongodb-enterprise-server postgres postgresql postgis timescaledb
    timescaledb-ha pgvector cnpg-postgresql mysql mysql-server mariadb mariadb-galera percona percona-server redis
    redis-stack redis-stack-server valkey keydb dragonfly memcached elasticsearch opensearch couchdb cassandra scylla
    neo4j clickhouse clickhouse-server etcd kafka cp-kafka kafka-native redpanda rabbitmq azure-sql-edge
    """.split()  # noqa: SIM905  # names read better than quoted lines
)
_ADMIN = frozenset(
    "mongo-express adminer phpmyadmin pgadmin pgadmin4 redis-commander".split()  # noqa: SIM905  # as above
)
_PORTS = {
    27017: "MongoDB",
    5432: "PostgreSQL",
    3306: "MySQL",
    6379: "Redis",
    9200: "Elasticsearch",
    5984: "CouchDB",
    11211: "memcached",
    9042: "Cassandra",
    7687: "Neo4j",
    8123: "ClickHouse",
    2379: "etcd",
    5672: "RabbitMQ",
    9092: "Kafka",
}
# db, my-postgres, sessions_redis; not dbt, redistribution
_CALLED_STORE = re.compile(
    r"(^|[-_./])(db|database|datastore|postgres(ql)?|pg|mysql|mariadb|mongo(db)?|redis|valkey|cache|memcached|elastic"
    r"(search)?|opensearch|couch(db)?|cassandra|neo4j|clickhouse|etcd|rabbit(mq)?|kafka|broker)\d*($|[-_.:@/])",
    re.IGNORECASE,
)


def open_ports(service: Service, image: Image | None, images: Collection[Image]) -> Iterator[tuple[int, int]]:
    """
    The ports of a data store or an admin interface that are published on more than this machine.

    Args:
        image: what the service is built as; None where it is pulled.
        images: all of the project.

    Yields:
        Index among the service's ports and the port of the container.
    """
    known = store_name(service, image, images)
    for index, port in enumerate(service.raw.get("ports") or ()):
        target = int(port.get("target") or 0)
        is_open = str(port.get("host_ip") or "0.0.0.0") in ("0.0.0.0", "::", "[::]", "*")  # noqa: S104  # it is looked for
        is_tcp = port.get("protocol", "tcp") == "tcp"
        if is_open and is_tcp and (known or (target in _PORTS and _may_be_store(service, image))):
            yield index, target


def store_name(service: Service, image: Image | None, images: Collection[Image]) -> str:
    """What a service is by the name of its image, or of the one that it is built on; "" for no store."""
    name = upstream_name(upstream_of(image, images) if image else service.image)[0]
    last = name.rpartition("/")[2]
    return last if last in _STORES | _ADMIN else "mssql" if name.endswith("mssql/server") else ""


def port_name(target: int) -> str:
    """What usually answers on a port; "" where nothing does."""
    return _PORTS.get(target, "")


def _may_be_store(service: Service, image: Image | None) -> bool:
    """Whether a port that a data store usually has is one here: of another's image a name has to say so."""
    return image is not None or any(map(_CALLED_STORE.search, (service.name, service.image)))
