"""What an install needs of the system: packages of Debian, Git, and folders beside the manifest."""

from __future__ import annotations

import pytest

from tests.starter_samples import found


@pytest.mark.parametrize(
    ("line", "build", "run"),
    [
        ("psycopg2==2.9", ("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
        ("psycopg2-binary==2.9", (), ()),
        ("psycopg==3.2.1", (), ("libpq5",)),
        ("psycopg[pool]==3.2.1", (), ("libpq5",)),
        ("psycopg[binary,pool]==3.2.1", (), ()),
        ("psycopg==3.2.1\npsycopg-binary==3.2.1", (), ()),
        ("psycopg[c]==3.2.1", ("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
    ],
)
def test_the_library_of_postgresql_is_there_where_no_wheel_holds_it(
    line: str, build: tuple[str, ...], run: tuple[str, ...]
) -> None:
    values = found({"requirements.txt": f"{line}\n", "main.py": ""}).values
    assert values["build_packages"] == build
    assert values["run_packages"] == run
