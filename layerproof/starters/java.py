"""Maven projects: the jar that runs, and how it is started."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from layerproof.starters import Folder, Starter, Wishes
from layerproof.starters.ports import find_java_port, find_port
from layerproof.starters.sources import find_health_path, sources
from layerproof.starters.versions import JAVA

_MAIN = re.compile(r"public\s+static\s+void\s+main\s*\(|^fun main\(|\bvoid main\(\)", re.MULTILINE)
_CONFIGURATION = ("application.properties", "application.yml", "application.yaml")
_RELEASES = ("maven.compiler.release", "java.version", "maven.compiler.target", "maven.compiler.source")


def detect(folder: Folder, wishes: Wishes) -> Starter | None:
    """What a folder with a pom.xml is; None without one. Gradle is recognised, and not handled."""
    if "pom.xml" not in folder.paths:
        if folder.first("build.gradle", "build.gradle.kts"):
            return Starter("java", "gradle", blocked="Gradle is not handled: Maven is")
        return None
    text = folder.read("pom.xml")
    try:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return Starter("java", "maven", blocked="pom.xml:1: it declares a document type, which is not read")
        # Entities, the danger of this parser, are refused above.
        pom = ElementTree.fromstring(re.sub(r'\sxmlns="[^"]*"', "", text, count=1))  # noqa: S314
    except ElementTree.ParseError as error:
        return Starter("java", "maven", blocked=f"pom.xml:{error.position[0]}: not valid XML; mend it")
    version = _version(_release(pom))
    if reason := _blocked(folder, pom):
        return Starter("java", "maven", version, blocked=reason)
    kind = _kind(text)
    texts = dict(sources(folder, ".java", ".kt"))
    main = _main_class(folder, pom)
    by_default = 8080 if kind in ("spring-boot", "quarkus") else find_port(texts)
    port = wishes.port or find_java_port(_configuration(folder)) or by_default
    notes = []
    if kind == "plain" and not main:
        notes.append("which class is the program is not clear: set MAIN_CLASS in the Dockerfile")
    has_actuator = "spring-boot-starter-actuator" in text
    return Starter(
        "java",
        "maven",
        version,
        framework="" if kind == "plain" else kind,
        command=_command(kind, main),
        port=port,
        health_path="/actuator/health" if has_actuator else find_health_path("\n".join(texts.values())),
        values={
            "kind": kind,
            "main": main,
            "choices": (main,) if main else (),
            "extensions": folder.has(".mvn"),
            "environment": {},
        },
        notes=tuple(notes),
    )


def _version(asked: str) -> str:
    """A version with an image: the one asked for where there is one, else the next, else the default."""
    if not asked or asked in JAVA.others:
        return asked or JAVA.default
    return next((version for version in reversed(JAVA.others) if int(version) >= int(asked)), asked)


def _kind(text: str) -> str:
    if "spring-boot-maven-plugin" in text or "spring-boot-starter-parent" in text:
        return "spring-boot"
    if "quarkus-maven-plugin" in text:
        return "quarkus"
    return "shaded" if "maven-shade-plugin" in text or "jar-with-dependencies" in text else "plain"


def _command(kind: str, main: str) -> tuple[str, ...]:
    if kind == "quarkus":
        return ("java", "-jar", "quarkus-run.jar")
    if kind == "plain":
        return ("java", "-cp", "app.jar:lib/*", main) if main else ()
    return ("java", "-jar", "app.jar")


def _release(pom: ElementTree.Element) -> str:
    for name in _RELEASES:
        found = re.fullmatch(r"(?:1\.)?(\d+)", (pom.findtext(f"properties/{name}") or "").strip())
        if found:
            return found[1]
    found = re.fullmatch(r"(?:1\.)?(\d+)", (pom.findtext(".//configuration/release") or "").strip())
    return found[1] if found else ""


def _blocked(folder: Folder, pom: ElementTree.Element) -> str:
    if pom.findall("modules/module"):
        return "it is a Maven project of several modules: that is not handled"
    parent = pom.find("parent")
    path = "../pom.xml" if parent is None else parent.findtext("relativePath", "../pom.xml")
    above = folder.above[0] if folder.above else None
    name = parent.findtext("artifactId") if parent is not None else ""
    is_local = above is not None and bool(name) and f"<artifactId>{name}</artifactId>" in above.read("pom.xml")
    if parent is not None and path and path.startswith("..") and is_local:
        return f"its parent is {path}, outside of its build context: that is not handled"
    if (pom.findtext("packaging") or "jar") not in ("jar", "quarkus"):
        return f"its packaging is {pom.findtext('packaging')}: only jar is handled"
    return ""


def _main_class(folder: Folder, pom: ElementTree.Element) -> str:
    for name in ("properties/exec.mainClass", "properties/main.class", ".//configuration//mainClass"):
        found = (pom.findtext(name) or "").strip()
        if found and "$" not in found:
            return found
    mains = []
    for path, text in sources(folder, ".java"):
        package = re.search(r"^\s*package\s+([\w.]+)\s*;", text, re.MULTILINE)
        if path.startswith("src/main/") and _MAIN.search(text):
            name = path.rpartition("/")[2].removesuffix(".java")
            mains.append(f"{package[1]}.{name}" if package else name)
    return mains[0] if len(mains) == 1 else ""


def _configuration(folder: Folder) -> dict[str, str]:
    """The files of settings, without those of profiles."""
    paths = (f"src/main/resources/{above}{name}" for above in ("config/", "") for name in _CONFIGURATION)
    return {path: folder.read(path) for path in paths if path in folder.paths}
