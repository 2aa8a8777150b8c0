"""Which files are manifests, which of them drive which package manager, and what is source."""

from __future__ import annotations

import pytest

from layerproof.manifests import _DRIVERS, declares, has_dependencies, is_manifest, is_source, locks_of


def sample(pattern: str) -> str:
    """A file name that a pattern matches."""
    return pattern.replace("y*ml", "yaml").replace("*", "x")


@pytest.mark.parametrize(
    "path",
    [
        "package.json",
        "apps/web/package.json",
        "pnpm-lock.yaml",
        ".npmrc",
        "requirements.txt",
        "requirements-dev.txt",
        "requirements/base.txt",
        "services/api/requirements/prod.txt",
        "constraints.txt",
        "pyproject.toml",
        "uv.lock",
        "go.mod",
        "go.sum",
        "Cargo.lock",
        "pom.xml",
        "build.gradle",
        "settings.gradle.kts",
        "gradle/libs.versions.toml",
        "gradlew",
        "App.csproj",
        "src/App/App.fsproj",
        "Shop.sln",
        "Directory.Packages.props",
        "composer.lock",
        "Gemfile",
        "shop.gemspec",
        "mix.lock",
        "Package.swift",
        "pubspec.yaml",
        ".mvn/",
        ".yarn",
        ".yarn/releases",
        "app/.yarn/plugins/",
        "gradle/wrapper",
        ".mvn/wrapper/",
    ],
)
def test_a_manifest_is_known_by_its_name(path: str) -> None:
    assert is_manifest(path)


@pytest.mark.parametrize(
    "path",
    [
        "main.py",
        "src",
        ".",
        "",
        "README.md",
        "requirements.py",
        "package.json.bak",
        "my-package.json",
        "tsconfig.json",
        "Dockerfile",
        "go.py",
        "docs/package.md",
        "*",
        "*.json",
        "*.py",
        "src/*.go",
        "**/*",
        "wrapper",
        "src/gradle/wrapper.js",
        "releases",
    ],
)
def test_what_is_called_otherwise_is_none(path: str) -> None:
    assert not is_manifest(path)


@pytest.mark.parametrize(
    "path", ["package*.json", "requirements*.txt", "go.*", "*.lock", "*.csproj", "Gemfile*", "Package.*"]
)
def test_a_pattern_that_only_manifests_match_is_one(path: str) -> None:
    assert is_manifest(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("src/main.py", True, id="code"),
        pytest.param("README.md", True, id="a text"),
        pytest.param("package.json", False, id="a manifest"),
        pytest.param("apps/web/package.json", False, id="a manifest deeper down"),
        pytest.param("gradle/wrapper/gradle-wrapper.jar", False, id="below a folder of manifests"),
        pytest.param("vendor/x.example/y/y.go", False, id="what is vendored"),
        pytest.param("api/requirements/base.txt", False, id="a list of requirements"),
        pytest.param("src/vendored.py", True, id="a name that begins like such a folder"),
        pytest.param("src/shop/vendor/views.py", True, id="a package of the application that is called vendor"),
    ],
)
def test_source_is_what_is_neither_a_manifest_nor_below_a_folder_of_them(path: str, *, expected: bool) -> None:
    assert is_source(path) is expected


# edits them, and a good Dockerfile fails.
@pytest.mark.parametrize(
    ("tool", "pattern"), [(tool, name) for tool, row in _DRIVERS.items() for name in row[0] + row[1]]
)
def test_whatever_drives_a_package_manager_is_a_manifest(tool: str, pattern: str) -> None:
    assert is_manifest(sample(pattern))


@pytest.mark.parametrize(
    ("tool", "path", "expected"),
    [
        pytest.param("npm", "/a/package.json", True, id="npm"),
        pytest.param("npm", "/a/package-lock.json", False, id="a lock declares nothing"),
        pytest.param("pip", "/a/requirements-dev.txt", True, id="any list of requirements"),
        pytest.param("pip", "/a/requirements/base.txt", True, id="a list in the folder for them"),
        pytest.param("npm", "/a/requirements/base.txt", False, id="pip's list is not npm's"),
        pytest.param("pip", "/a/pyproject.toml", True, id="pip and the project"),
        pytest.param("uv", "/a/requirements.txt", False, id="uv sync reads the project only"),
        pytest.param("dotnet", "/a/App.csproj", True, id="any project of C#"),
        pytest.param("gradle", "/a/settings.gradle", False, id="gradle's settings"),
        pytest.param("conda", "/a/environment.yaml", True, id="either ending"),
        pytest.param("apt-get", "/a/package.json", False, id="the distribution has no manifest"),
        pytest.param("", "/a/package.json", False, id="no package manager"),
    ],
)
def test_a_package_manager_reads_certain_files(tool: str, path: str, *, expected: bool) -> None:
    assert declares(tool, path) is expected


def test_the_locks_of_a_package_manager() -> None:
    assert locks_of("npm") == ("package-lock.json", "npm-shrinkwrap.json")
    assert locks_of("pip") == ()
    assert locks_of("curl") == ()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("go.mod", "module a\ngo 1.22\n", False, id="a module alone"),
        pytest.param("go.mod", "module a\n\nrequire (\n\tx v1\n)\n", True, id="a block of modules"),
        pytest.param("go.mod", "module a\r\nrequire x v1\r\n", True, id="one module, Windows line ends"),
        pytest.param("go.mod", "module a\n// require x v1\n", False, id="a module in a comment"),
        pytest.param("Cargo.toml", '[package]\nname = "a"\n', False, id="a crate alone"),
        pytest.param("Cargo.toml", '[dependencies]\nserde = "1"\n', True, id="a crate with another"),
        pytest.param("Cargo.toml", '[dependencies.serde]\nversion = "1"\n', True, id="in the long form"),
        pytest.param("Cargo.toml", "[target.'cfg(unix)'.dependencies]\nnix = \"1\"\n", True, id="for a platform"),
        pytest.param("Cargo.toml", '[package]\nname = "a"\n\n[dependencies]\n', False, id="an empty table"),
        pytest.param("App.csproj", "<Project><ItemGroup/></Project>", False, id="a project alone"),
        pytest.param("App.csproj", '<PackageReference Include="x"/>', True, id="a project with a package"),
        pytest.param("Package.swift", ".target(name: a)", False, id="a package alone"),
        pytest.param("Package.swift", '.package(url: "x")', True, id="a package with another"),
        pytest.param("mix.exs", "defp deps do\n  []\nend", False, id="no dependency of mix"),
        pytest.param("mix.exs", 'defp deps do\n  [{:plug, "~> 1"}]\nend', True, id="a dependency of mix"),
        pytest.param("mix.exs", '[\n  # {:dep_from_hexpm, "~> 0.3.0"}\n]', False, id="a dependency in a comment"),
        pytest.param("pom.xml", "<project/>", True, id="a file that is not looked into"),
        pytest.param("package.json", "{}", False, id="nothing of npm"),
        pytest.param("package.json", '{"devDependencies": {"a": "1"}}', True, id="a dependency of npm"),
        pytest.param("a/b/go.mod", "module a", False, id="a path in place of a name"),
    ],
)
def test_a_manifest_names_something_to_fetch(name: str, text: str, *, expected: bool) -> None:
    assert has_dependencies(name, text) is expected
