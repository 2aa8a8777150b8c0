"""Layers read, laid over each other and judged; each row is a file, and what it is."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
from contextlib import suppress
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from layerproof.audit import KINDS, Allowance, ImageAudit, Layer
from layerproof.audit.archive import read_archive, read_layer
from layerproof.audit.compare import compare
from layerproof.audit.content import traits_of
from layerproof.audit.judge import audit_image
from layerproof.audit.secrets import secrets_in_config
from layerproof.audit.tree import merge
from layerproof.errors import AuditError

KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx\n-----END RSA PRIVATE KEY-----\n"


def elf(text: bytes = b"", *, kind: int = 2, interpreter: bool = True) -> bytes:
    """A program header of a 64-bit program, and texts in it."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHH", kind, 62, 1, 0, 64, 0, 0, 64, 56, 1)
    return header.ljust(64, b"\0") + struct.pack("<I", 3 if interpreter else 1).ljust(56, b"\0") + text


def member(name: str, data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def layer(*members: tuple[tarfile.TarInfo, bytes]) -> Layer:
    return read_layer(io.BytesIO(tar(*members)))


def image(*layers: bytes, config: dict[str, Any] | None = None, tag: str = "app:1") -> bytes:
    """An archive as `docker save` writes it."""
    document = json.dumps({"config": {"User": "1000"}, **(config or {})}).encode()
    names = [f"blobs/sha256/{number}" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "blobs/sha256/config", "RepoTags": [tag], "Layers": names}]).encode()
    blobs = [member(name, data) for name, data in zip(names, layers, strict=True)]
    return tar(*blobs, member("blobs/sha256/config", document), member("manifest.json", manifest))


def audited(*layers: bytes, allowance: Allowance | None = None, **config: Any) -> ImageAudit:
    (saved,) = read_archive(io.BytesIO(image(*layers, config=config)))
    return audit_image(saved, image="app", tag="app:1", identifier="1", layers=(), allowance=allowance or Allowance())


@pytest.mark.parametrize(
    ("path", "data", "mode", "expected"),
    [
        pytest.param("x", elf(b"COLLECT_GCC_OPTIONS"), 0o755, [("compiler", "GCC")], id="gcc by another name"),
        pytest.param("x", elf(b"-" * 3_000_000 + b"COLLECT_GCC_OPTIONS"), 0o755, [("compiler", "GCC")], id="far back"),
        pytest.param(
            "x", elf(b"-" * (1024 * 1024 - 125) + b"COLLECT_GCC_OPTIONS"), 0o755, [("compiler", "GCC")], id="cut"
        ),
        pytest.param("bin/gcc-12", elf(), 0o755, [("compiler", "gcc-12")], id="by its name alone"),
        pytest.param("bin/node", elf(b"GCC: (Debian 12.2.0)"), 0o755, [], id="what a compiler left in a program"),
        pytest.param(
            "lib/libgcc.so", elf(b"COLLECT_GCC_OPTIONS", kind=3, interpreter=False), 0o644, [], id="a library"
        ),
        pytest.param(
            "lib/libclang-14.so.1", elf(kind=3, interpreter=False), 0o644, [("compiler", "libclang")], id="libclang"
        ),
        pytest.param("x.o", elf(kind=1), 0o644, [("static-library", "object files")], id="an object file"),
        pytest.param("x.ko", elf(kind=1), 0o644, [], id="a kernel module"),
        pytest.param(
            "x",
            b"!<arch>\n/               0",
            0o644,
            [("static-library", "archives of objects")],
            id="an archive of objects",
        ),
        pytest.param("x", b"!<arch>\ndebian-binary   1", 0o644, [("package-cache", "Debian packages")], id="a deb"),
        pytest.param("x", elf(b"BusyBox v1.36\0ar\0awk\0"), 0o755, [], id="a distribution's busybox"),
        pytest.param(
            "x", elf(b"BusyBox v1.36", interpreter=False), 0o755, [("toolbox", "static busybox")], id="static busybox"
        ),
        pytest.param(
            "bin/sh",
            elf(b"BusyBox v1.35\0dpkg\0/var/lib/dpkg"),
            0o755,
            [("package-manager", "busybox with dpkg")],
            id="a busybox that installs packages",
        ),
        pytest.param("x", elf(b"\xff Go buildinf:\npath\tcmd/go\n"), 0o755, [("compiler", "Go toolchain")], id="go"),
        pytest.param(
            "trivy", elf(b"\xff Go buildinf:\npath\tgithub.com/x lib/apk/db /var/lib/dpkg"), 0o755, [], id="a scanner"
        ),
        pytest.param(
            "x",
            b"#!/usr/bin/python3\nfrom pip._internal.cli.main import main",
            0o755,
            [("package-manager", "pip")],
            id="pip",
        ),
        pytest.param("main.py", b"# from pip._internal", 0o644, [], id="a text about pip"),
        pytest.param("etc/cron.daily/dpkg", b"#!/bin/sh\ntrue", 0o755, [], id="a script that is only called so"),
        pytest.param(
            "bin/npm", b"#!/bin/sh\nexec real-npm", 0o755, [("package-manager", "npm")], id="a wrapper of npm"
        ),
        pytest.param(
            "x/package.json",
            b'{"name": "npm", "version": "9", "bin": {}}',
            0o644,
            [("package-manager", "npm")],
            id="npm",
        ),
        pytest.param("x/package.json", b'{"name": "npm", "private": true}', 0o644, [], id="an app that is called npm"),
        pytest.param("x/package.json", b"{", 0o644, [], id="broken JSON"),
        pytest.param("x/package.json", b'["npm"]', 0o644, [], id="JSON that is no package"),
        pytest.param(
            "pip-23.dist-info/METADATA",
            b"Metadata-Version: 2.1\nName: pip\n",
            0o644,
            [("package-manager", "pip")],
            id="pip's metadata",
        ),
        pytest.param(
            "a-1.dist-info/METADATA", b"Metadata-Version: 2.1\nName: flask\n", 0o644, [], id="another package"
        ),
        pytest.param(
            "pip-23.0-py3-none-any.whl", b"PK\x03\x04", 0o644, [("package-manager", "pip")], id="ensurepip's wheel"
        ),
        pytest.param("six-1.0-py3-none-any.whl", b"PK\x03\x04", 0o644, [("package-cache", "wheels")], id="a wheel"),
        pytest.param(
            "pip.pyz",
            b"#!/usr/bin/env python3\nPK\x03\x04 pip/_internal/x",
            0o755,
            [("package-manager", "pip")],
            id="a zipapp",
        ),
        pytest.param("foo.hpp", b"#pragma once\n", 0o644, [("headers", "C and C++ headers")], id="a header"),
        pytest.param(
            "vector",
            b"// x\n/* y */\n#ifndef A_B\n#define A_B 1\n",
            0o644,
            [("headers", "C and C++ headers")],
            id="a header without an ending",
        ),
        pytest.param("notes.h", b"nothing of C", 0o644, [], id="a text that ends in .h"),
        pytest.param("a.c", b"#ifndef A\n#define A\n", 0o644, [], id="a C source"),
        pytest.param("x", b"/*" + b"* /*" * 20_000, 0o644, [], id="a comment that never ends"),
        pytest.param(
            "usr/bin/composer",
            b"#!/usr/bin/env php\n<?php\nPhar::mapPhar('composer.phar');\n__HALT_COMPILER(); ?>\r\n\1\0\0\0",
            0o755,
            [("package-manager", "Composer")],
            id="a PHP archive",
        ),
        pytest.param(
            "app/vendor/symfony/flex/src/Flex.php",
            b"<?php\nuse Composer\\Console\\Application;\n",
            0o644,
            [],
            id="a plugin of Composer",
        ),
        pytest.param("x.pem", KEY, 0o600, [("secret", "a private key")], id="a private key"),
        pytest.param(
            "app/id.ppk",
            b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nComment: me\r\n",
            0o600,
            [("secret", "a PuTTY private key")],
            id="a PuTTY key",
        ),
        pytest.param(
            "app/node_modules/ssh2/lib/keyParser.js",
            rb"const re = /^PuTTY-User-Key-File-[23]: (ssh-\w+)\r?\nEncryption: (aes256-cbc|none)/",
            0o644,
            [],
            id="a program that reads PuTTY keys",
        ),
        pytest.param(
            "root/.cache/huggingface/token",
            b"hf_" + b"aBcDeFgHiJ" * 3 + b"abcd",
            0o600,
            [("secret", "a Hugging Face token")],
            id="a Hugging Face token",
        ),
        pytest.param(
            "x", json.dumps({"k": KEY.decode()}).encode(), 0o600, [("secret", "a private key")], id="inside JSON"
        ),
        pytest.param("x.pem", b"-----BEGIN CERTIFICATE-----\nMII", 0o600, [], id="a certificate"),
        pytest.param("ssl.py", b"if '-----BEGIN PRIVATE KEY-----' in text:", 0o644, [], id="a program that reads keys"),
        pytest.param(".env", b"PORT=1\n", 0o644, [("secret", "an environment file")], id=".env"),
        pytest.param(".env.production", b"VITE_URL=/api\n", 0o644, [], id="settings for everybody"),
        pytest.param(
            ".env.production",
            b"DB_PASSWORD=hunter22\n",
            0o644,
            [("secret", "an environment file with DB_PASSWORD")],
            id="a password",
        ),
        pytest.param(".env.example", b"DB_PASSWORD=hunter22\n", 0o644, [], id="an example"),
        pytest.param(
            "app/prod.env",
            b"\xef\xbb\xbfDB_PASSWORD=hunter22\n",
            0o644,
            [("secret", "an environment file with DB_PASSWORD")],
            id="a byte order mark",
        ),
        pytest.param(
            "app/db.py",
            b"URL = 'postgres://app:hunter22@db.internal/app'",
            0o644,
            [("secret", "a password in an address")],
            id="a password in a program",
        ),
        pytest.param(
            "app/main.go",
            b'const url = "amqp://app:S3cr3tP4ss@mq.example.com:5672/"',
            0o644,
            [("secret", "a password in an address")],
            id="a password at an example of a host",
        ),
        pytest.param("app/db.py", b"postgres://app:hunter22@localhost/app", 0o644, [], id="a password of this machine"),
        pytest.param("app/README.md", b"mongodb://user:password@host/db", 0o644, [], id="an explained address"),
        pytest.param("app/dist/main.js", b"dotenv://:key_1234@dotenvx.com/vault", 0o644, [], id="a bundled example"),
        pytest.param("app/node_modules/a/b.js", b"http://me:hunter22@shop.net", 0o644, [], id="a dependency's address"),
        pytest.param(
            "app/application-prod.properties",
            b"# db.password=hunter23\nspring.datasource.password=hunter22\n",
            0o644,
            [("secret", "settings with spring.datasource.password")],
            id="settings of Spring",
        ),
        pytest.param(
            "app/application.yml", b"db:\n  password: ${DB_PASSWORD}\n", 0o644, [], id="settings from the environment"
        ),
        pytest.param(
            "app/appsettings.json",
            b'{"ConnectionStrings": {"Default": "Server=db;User Id=sa;Password=hunter22;"}}',
            0o644,
            [("secret", "settings with Password")],
            id="settings of .NET",
        ),
        pytest.param(
            "html/wp-config.php",
            b"<?php\ndefine( 'DB_PASSWORD', 'hunter22' );\n",
            0o644,
            [("secret", "settings with DB_PASSWORD")],
            id="settings of WordPress",
        ),
        pytest.param(
            "html/wp-config.php",
            b"<?php\ndefine('DB_PASSWORD', getenv('DB_PASSWORD'));\n",
            0o644,
            [],
            id="settings of WordPress from the environment",
        ),
        pytest.param(
            "app/shop/settings.py",
            b"SECRET_KEY = os.environ['KEY']\nDATABASES = {'PASSWORD': 'hunter22'}\n",
            0o644,
            [("secret", "settings with PASSWORD")],
            id="settings of Django",
        ),
        pytest.param(
            "app/shop/settings.py",
            b"SECRET_KEY = os.environ['KEY']\nFIELDS = ['password', 'username']\n",
            0o644,
            [],
            id="settings of Django from the environment",
        ),
        pytest.param(
            "root/.m2/settings.xml",
            b"<server><password>hunter22</password></server>",
            0o644,
            [("secret", "a Maven login")],
            id="a login of Maven",
        ),
        pytest.param("root/.m2/settings.xml", b"<password>${env.PASS}</password>", 0o644, [], id="none of Maven"),
        pytest.param(
            "root/.nuget/NuGet/NuGet.Config",
            b'<add key="ClearTextPassword" value="hunter22" />',
            0o644,
            [("secret", "a NuGet login")],
            id="a login of NuGet",
        ),
        pytest.param(
            "app/.bundle/config",
            b'BUNDLE_GEMS__EXAMPLE__COM: "me:hunter22"\n',
            0o644,
            [("secret", "a login for gems")],
            id="a login of Bundler",
        ),
        pytest.param("app/.bundle/config", b'BUNDLE_PATH: "vendor/bundle"\n', 0o644, [], id="a path of Bundler"),
        pytest.param(
            "root/.composer/auth.json",
            b'{"http-basic": {"repo.internal": {"username": "me", "password": "hunter22"}}}',
            0o644,
            [("secret", "a login for packages")],
            id="a login of Composer",
        ),
        pytest.param("app/.bundle/config", b"BUNDLE_" + b"_" * 1_000_000, 0o644, [], id="a host that never ends"),
        pytest.param("application.yml", b"a" * 1_000_000, 0o644, [], id="one long word of settings"),
        pytest.param("a.txt", b"a://b:ccccc" * 100_000, 0o644, [], id="addresses that never end"),
        pytest.param(
            "root/.npmrc", b"//r/:_authToken=abcdefgh1\n", 0o644, [("secret", "an npm login")], id="a login in .npmrc"
        ),
        pytest.param("root/.npmrc", b"//r/:_authToken=${NPM_TOKEN}\n", 0o644, [], id="a login that is not in .npmrc"),
        pytest.param("cacerts.jks", b"\xfe\xed\xfe\xed\0\0", 0o644, [], id="certificates of Java"),
        pytest.param("app.jks", b"\xfe\xed\xfe\xed\0\0", 0o644, [("secret", "a key store")], id="a key store of Java"),
        pytest.param(".env", b"\n" * 1_000_000, 0o644, [], id="a million empty lines"),
        pytest.param("x.h", b"\n" * 1_000_000, 0o644, [], id="a header of empty lines"),
        pytest.param(".pypirc", b" \n" * 500_000, 0o644, [], id="a login of empty lines"),
        pytest.param("x", KEY[:32] + b"\n" * 1_000_000, 0o644, [], id="a key of empty lines"),
        pytest.param("x", KEY[:32] + b"a: " * 300_000, 0o644, [], id="a key of headers"),
        pytest.param("pip.conf", b"://a:" * 200_000, 0o644, [], id="logins that never end"),
        pytest.param("x", b"-----BEGIN " + b"A " * 500_000, 0o644, [], id="a key of words"),
        pytest.param("x", b"\x7fELF", 0o755, [], id="a program cut off"),
        pytest.param("app/.git", b"gitdir: ../.git/worktrees/app", 0o644, [("vcs", "a Git worktree")], id="a worktree"),
        pytest.param("uv/sdists/.git", b"", 0o644, [], id="an empty .git"),
        pytest.param("x", b"", 0o755, [], id="an empty file"),
    ],
)
def test_what_a_file_is(path: str, data: bytes, mode: int, expected: list[tuple[str, str]]) -> None:
    found = traits_of(path, io.BytesIO(data), size_bytes=len(data), mode=mode)
    assert [(trait.kind, trait.what) for trait in found] == expected


@given(
    begin=st.sampled_from(
        [b"", b"\x7fELF", elf(), b"!<arch>\n", b"PK\x03\x04", b"#!", b"{", b"#ifndef ", b"-----BEGIN "]
    ),
    data=st.binary(max_size=300),
    path=st.sampled_from(
        ["package.json", ".env", "a.dist-info/METADATA", "bin/x", "x.h", "release", ".npmrc", "x.whl"]
    ),
)
def test_any_bytes_are_something_or_nothing(begin: bytes, data: bytes, path: str) -> None:
    found = traits_of(path, io.BytesIO(begin + data), size_bytes=len(begin + data), mode=0o755)
    assert {trait.kind for trait in found} <= set(KINDS)


@given(data=st.binary(max_size=2000), cut=st.integers(0, 4000))
def test_any_archive_is_read_or_refused(data: bytes, cut: int) -> None:
    whole = image(tar(member("a", data)))
    for archive in (data, whole[:cut], image(data)):
        with suppress(AuditError):
            assert all(saved.config["config"] == {"User": "1000"} for saved in read_archive(io.BytesIO(archive)))
    (saved,) = read_archive(io.BytesIO(whole))
    assert [entry.size_bytes for entry in saved.layers[0].entries] == [len(data)]


def test_later_layers_overwrite_remove_and_empty() -> None:
    tree = merge(
        [
            layer(
                member("a", b"12345"),
                member("d", type=tarfile.DIRTYPE),
                member("d/b", b"123"),
                member("e", type=tarfile.DIRTYPE),
                member("e/c", b"12"),
                member("f", type=tarfile.DIRTYPE),
                member("f/g", b"1"),
            ),
            layer(
                member("a", b"1"), member(".wh.d"), member("e/.wh..wh..opq"), member("e/new", b"1"), member("f", b"1")
            ),
        ]
    )
    assert {path for path, item in tree.files.items() if item.entry.type == "file"} == {"a", "e/new", "f"}
    assert sorted(item.entry.path for item in tree.hidden) == ["a", "d/b", "e/c", "f/g"]
    assert tree.wasted_bytes == 5 + 3 + 2 + 1


def test_a_hard_link_is_judged_where_its_target_is_gone_and_a_symlink_never_is() -> None:
    link = member("b/other", type=tarfile.LNKTYPE, linkname="b/cc")
    first = layer(
        member("b/cc", elf(b"COLLECT_GCC_OPTIONS")), link, member("b/gcc", type=tarfile.SYMTYPE, linkname="x")
    )
    assert [path for path, item in merge([first]).files.items() if item.entry.traits] == ["b/cc"]
    gone = layer(member("b/.wh.cc"))
    assert [path for path, item in merge([first, gone]).files.items() if item.entry.traits] == ["b/other"]


def test_what_runs_with_more_rights_is_found_and_a_folder_with_these_bits_is_not() -> None:
    found = audited(
        tar(
            member("su", b"1", mode=0o4755),
            member("write", b"1", mode=0o2755),
            member("locked", b"1", mode=0o2644),
            member("net", b"1", pax_headers={"SCHILY.xattr.security.capability": "x"}),
            member("home", type=tarfile.DIRTYPE, mode=0o2775),
        )
    ).found
    assert {item.path: item.detail for item in found} == {
        "/su": "setuid",
        "/write": "setgid",
        "/net": "file capabilities",
    }


def test_a_secret_that_a_later_layer_removes_is_still_found() -> None:
    (found,) = audited(tar(member("k.pem", KEY)), tar(member(".wh.k.pem"))).found
    assert (found.kind, found.path, found.layer) == ("secret", "/k.pem", 1)
    assert "removed later" in found.detail


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(["lib/apk/db/installed"], ["package-database"], id="apk's database"),
        pytest.param(["var/lib/dpkg/status"], ["package-database"], id="dpkg's database"),
        pytest.param(["var/lib/dpkg/status.d/libc6"], [], id="the list of a distroless image"),
        pytest.param(["var/lib/apt/lists/deb_main_Packages"], ["package-cache"], id="apt's lists"),
        pytest.param(["var/lib/apt/lists/lock"], [], id="apt's empty lists"),
        pytest.param(
            ["root/.npm/_cacache/index-v5/a", "root/.npm/_cacache/b"], ["package-cache"], id="npm's cache, once"
        ),
        pytest.param(["app/.git/HEAD", "app/.git/objects/x", "app/.git/refs/x"], [], id="no folders of a repository"),
        pytest.param(["app/tests/test_a.py", "app/tests/data.json"], ["tests"], id="tests, once"),
        pytest.param(["app/node_modules/a/test/b.js"], [], id="tests of a dependency"),
        pytest.param(["usr/src/app/tests/test_a.py"], ["tests"], id="tests below usr/src"),
        pytest.param(["usr/src/linux-headers-6.1/tools/tests/a.sh"], [], id="tests of Linux"),
        pytest.param(["usr/local/bundle/cache/rake-13.gem"], ["package-cache"], id="downloaded gems"),
        pytest.param(["app/vendor/bundle/ruby/3.3.0/cache/rake-13.gem"], ["package-cache"], id="gems of a version"),
        pytest.param(["pnpm/store/v10/files/00/a"], ["package-cache"], id="pnpm's store"),
        pytest.param(["root/.local/share/pnpm/store/v3/files/00/a"], ["package-cache"], id="pnpm's store at home"),
        pytest.param(["root/.yarn/berry/cache/a.zip"], ["package-cache"], id="Yarn's cache"),
        pytest.param(["root/.local/share/NuGet/http-cache/a"], ["package-cache"], id="NuGet's downloads"),
        pytest.param([".cache/pip/http-v2/a"], ["package-cache"], id="a cache in the root"),
        pytest.param(["app/src/store/v1.ts", "app/cache/a"], [], id="folders that only sound like caches"),
        pytest.param(["app/src/latest.py"], [], id="a name that only sounds like it"),
        pytest.param(["app/.hg/requires", "app/.hg/store/x"], ["vcs"], id="Mercurial"),
        pytest.param(["app/spec/openapi.yaml", "app/dist/spec/parse.js"], [], id="a specification"),
        pytest.param(["usr/share/dotnet/sdk/8.0.1/Roslyn/bincore/csc.dll"], ["compiler"], id="an SDK of .NET"),
    ],
)
def test_what_paths_show(paths: list[str], expected: list[str]) -> None:
    assert [item.kind for item in audited(tar(*(member(path, b"x") for path in paths))).found] == expected


def test_a_repository_is_known_by_what_is_in_it() -> None:
    folders = [member(f"srv/mirror/{name}", type=tarfile.DIRTYPE) for name in ("objects", "refs")]
    (found,) = audited(tar(member("srv/mirror/HEAD", b"ref: refs/heads/main\n"), *folders)).found
    assert (found.kind, found.path) == ("vcs", "/srv/mirror")


def test_a_package_is_told_once_with_all_that_is_in_it() -> None:
    found = audited(
        tar(
            member("n/npm/package.json", b'{"name": "npm", "version": "9", "bin": {}}'),
            member("n/npm/bin/npm", b"#!/bin/sh\nnpm-cli.js", mode=0o755),
            member("n/npm/node_modules/node-gyp/package.json", b'{"name": "node-gyp", "version": "9", "bin": {}}'),
            member("s/pip-23.dist-info/METADATA", b"Name: pip\n"),
            member("s/pip/tool", b"#!/bin/sh\npip._internal", mode=0o755),
        )
    ).found
    assert sorted(item.path for item in found) == ["/n/npm", "/s/pip", "/s/pip-23.dist-info"]


@pytest.mark.parametrize(
    ("config", "places"),
    [
        pytest.param({"config": {"Env": ["API_TOKEN=abcdefgh"]}}, ["ENV API_TOKEN"], id="an ENV"),
        pytest.param({"config": {"Env": ["URL=https://me:pass1234@example.com"]}}, ["ENV URL"], id="a login"),
        pytest.param({"config": {"Env": ["TOKEN_FILE=/run/secrets/x", "PATH=/bin"]}}, [], id="no secrets"),
        pytest.param(
            {"history": [{"created_by": "RUN |1 NPM_TOKEN=abcdefgh /bin/sh -c npm ci"}]},
            ["history: NPM_TOKEN"],
            id="a build argument",
        ),
        pytest.param({"history": [{"created_by": "RUN echo $NPM_TOKEN"}]}, [], id="a name alone"),
        pytest.param(
            {"config": {"Env": ["NPM_TOKEN="]}, "history": [{"created_by": "ENV NPM_TOKEN=abcdefgh"}]},
            ["history: NPM_TOKEN"],
            id="an ENV that is emptied later",
        ),
        pytest.param(
            {"config": {"Env": ["NPM_TOKEN=abcdefgh"]}, "history": [{"created_by": "ENV NPM_TOKEN=abcdefgh"}]},
            ["ENV NPM_TOKEN"],
            id="an ENV, told once",
        ),
        pytest.param(
            {
                "config": {"Env": ["NPM_TOKEN=abcdefgh", "GH_TOKEN="]},
                "history": [{"created_by": "ENV NPM_TOKEN=abcdefgh GH_TOKEN=abcdefgh"}],
            },
            ["ENV NPM_TOKEN", "history: GH_TOKEN"],
            id="one of two that is emptied later",
        ),
        pytest.param(
            {"config": {"Env": ["URL="]}, "history": [{"created_by": "ENV URL=https://me:pass1234@example.com"}]},
            ["history"],
            id="a login that is emptied later",
        ),
        pytest.param(
            {
                "config": {"Env": ["NPM_TOKEN=abcdefgh"]},
                "history": [{"created_by": "/bin/sh -c #(nop)  ENV NPM_TOKEN=abcdefgh"}],
            },
            ["ENV NPM_TOKEN"],
            id="an ENV of the classic builder",
        ),
        pytest.param({}, [], id="nothing"),
    ],
)
def test_secrets_in_the_configuration(config: dict[str, Any], places: list[str]) -> None:
    assert [place for place, _ in secrets_in_config(config)] == places


@pytest.mark.parametrize("user", ["", "0", "root", "0:0", "root:staff"])
def test_root_is_found(user: str) -> None:
    assert [item.kind for item in audited(tar(), config={"User": user}).found] == ["root-user"]


def test_what_is_allowed_passes_and_an_allowance_for_nothing_does_not() -> None:
    data = tar(member("su", b"1", mode=0o4755))
    found = audited(data, allowance=Allowance(allow={"setuid": "it has to be"}))
    assert (found.passed, found.forbidden, found.found[0].allowed) == (True, (), "it has to be")
    found = audited(data, allowance=Allowance(1, 0, {"/s*": "here", "/t*": "not here"}))
    assert found.over == ("it is allowed '/t*', and has nothing of it: take that out of the configuration",)
    found = audited(tar(member("a", b"12")), tar(member("a", b"1")), allowance=Allowance(2, 1))
    assert [text.partition(" ")[0] for text in found.over] == ["size", "wasted"]


def test_a_path_with_brackets_can_be_allowed_as_it_stands() -> None:
    data = tar(member("app/[slug]/su", b"1", mode=0o4755))
    assert audited(data, allowance=Allowance(allow={"/app/[slug]/su": "it has to be"})).passed


def test_a_name_that_is_no_utf_8_can_be_printed() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(member("app/tests/caf\udce9_test.py")[0])
        archive.addfile(member("app/link", type=tarfile.SYMTYPE, linkname="caf\udce9")[0])
    packed.seek(0)
    entries = read_layer(packed).entries
    assert [entry.path for entry in entries] == ["app/tests/caf\\xe9_test.py", "app/link"]
    assert entries[1].target == "caf\\xe9"


def test_archives_of_old_and_new_versions_of_docker_are_read() -> None:
    content = tar(member("su", b"1", mode=0o4755))
    manifest = b'[{"Config": "c.json", "RepoTags": null, "Layers": ["a/layer.tar", "b/layer.tar"]}]'
    old = tar(
        member("a/layer.tar", content),
        member("b/layer.tar", type=tarfile.SYMTYPE, linkname="../a/layer.tar"),
        member("c.json", b'{"config": {}}'),
        member("manifest.json", manifest),
    )
    (saved,) = read_archive(io.BytesIO(old))
    assert [len(item.entries) for item in saved.layers] == [1, 1]
    frames = zstandard.compress(content[:700]) + zstandard.compress(content[700:])
    (saved,) = read_archive(io.BytesIO(image(gzip.compress(content), bytes(1024), frames)))
    assert [len(item.entries) for item in saved.layers] == [1, 0, 1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "cannot be read", id="nothing"),
        pytest.param(b"no tar" * 200, "cannot be read", id="no archive"),
        pytest.param(image(tar(member("a", b"1" * 5000)))[:3000], "cannot be read", id="cut off"),
        pytest.param(image(b"\x28\xb5\x2f\xfd" + bytes(600)), "cannot be read", id="damaged zstd"),
        pytest.param(image(zstandard.compress(b"no tar" * 200)), "cannot be read", id="zstd of something else"),
        pytest.param(tar(member("manifest.json", b'[{"Config": "c"}]')), "cannot be read", id="a layer is missing"),
        pytest.param(
            tar(member("c", b"[]"), member("manifest.json", b'[{"Config": "c", "Layers": []}]')),
            "cannot be read",
            id="a configuration of another kind",
        ),
        pytest.param(image(gzip.compress(b"no tar" * 200)), "cannot be read", id="a layer is no tar"),
    ],
)
def test_an_archive_that_cannot_be_read_is_an_error(data: bytes, words: str) -> None:
    with pytest.raises(AuditError, match=words):
        read_archive(io.BytesIO(data))


def test_images_are_compared_by_content_whatever_their_sizes() -> None:
    def saved(*members: tuple[tarfile.TarInfo, bytes]) -> Any:
        (found,) = read_archive(io.BytesIO(image(tar(*members))), digests=True)
        return found, audit_image(found, image="a", tag="a", identifier="", layers=(), allowance=Allowance())

    before, audit_before = saved(
        member("app/a", b"1"), member("app/b", b"1"), member("k.pem", KEY), member("same", b"1")
    )
    now, audit_now = saved(member("app/a", b"2"), member("app/c", b"123"), member("same", b"1"))
    found = compare(audit_now, audit_before, saved=now, saved_before=before)
    assert {(item.path, item.before_bytes, item.now_bytes) for item in found.changes} == {
        ("/app/a", 1, 1),
        ("/app/b", 1, None),
        ("/app/c", None, 3),
        ("/k.pem", len(KEY), None),
    }
    assert [item.path for item in found.gone] == ["/k.pem"]
    assert found.appeared == ()
    assert {item.path: item.size_bytes for item in found.folders} == {"/app": 2, "/": -len(KEY)}
