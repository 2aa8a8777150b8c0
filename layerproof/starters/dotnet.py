"""C# projects: the project file that is the program, and the framework it targets."""

from __future__ import annotations

import re

from layerproof.starters import Folder, Starter, Wishes
from layerproof.starters.sources import find_health_path, sources
from layerproof.starters.versions import DOTNET

_TEST = re.compile(r"Microsoft\.NET\.Test\.Sdk|xunit|NUnit|MSTest")


def detect(folder: Folder, wishes: Wishes) -> Starter | None:
    """What a folder with C#, F# or VB project files is; None without one."""
    projects = [path for path in folder.paths if path.endswith((".csproj", ".fsproj", ".vbproj"))]
    if not projects:
        return None
    texts = {path: folder.read(path) for path in projects}
    programs = [path for path, text in texts.items() if _is_program(text) and not _TEST.search(text)]
    chosen = programs[0] if len(programs) == 1 else ""
    chosen = chosen or next(
        (path for path in programs if path.rpartition("/")[2].lower().startswith(f"{folder.name.lower()}.")), ""
    )
    text = texts.get(chosen, "")
    # <TargetFramework>net8.0</TargetFramework>
    found = re.search(r"<TargetFrameworks?>[^<]*?net(\d+\.\d+)", text or "".join(texts.values()))
    version = found[1] if found else DOTNET.default
    outside = [path for path in re.findall(r"<ProjectReference\s+Include=\"([^\"]+)\"", text) if _leaves(chosen, path)]
    if outside:
        reason = f"{chosen} refers to {outside[0]}, outside of its build context: that is not handled"
        return Starter("dotnet", "dotnet", version, blocked=reason)
    if not found and "TargetFramework" in "".join(texts.values()):
        return Starter("dotnet", "dotnet", blocked=f"{projects[0]}: .NET Framework runs on Windows only")
    notes = []
    if not chosen:
        listed = ", ".join(programs) or "none is"
        notes.append(f"which project is the program is not clear ({listed}): set PROJECT in the Dockerfile")
    is_web = "Microsoft.NET.Sdk.Web" in text
    code = "\n".join(body for _, body in sources(folder, ".cs", ".fs"))
    name = re.search(r"<AssemblyName>([^<$]+)</AssemblyName>", text)
    assembly = name[1] if name else chosen.rpartition("/")[2].rpartition(".")[0]
    port = wishes.port or (8080 if is_web else None)
    beside = ("Directory.Build.props", "Directory.Packages.props", "Directory.Build.targets", "global.json")
    return Starter(
        "dotnet",
        "dotnet",
        version,
        framework="aspnet" if is_web else "",
        command=("dotnet", f"{assembly}.dll") if chosen else (),
        port=port,
        health_path=find_health_path(code),
        values={
            "project": chosen,
            "choices": tuple(programs),
            "is_web": is_web or not chosen,
            "manifests": tuple(
                item for item in (*beside, "nuget.config", "NuGet.Config", "NuGet.config") if item in folder.paths
            ),
            "projects": tuple(path for path in projects if not _TEST.search(texts[path])),
            "locks": tuple(path for path in folder.paths if path.rpartition("/")[2] == "packages.lock.json"),
            "environment": {"ASPNETCORE_HTTP_PORTS": str(port)} if port and is_web else {},
        },
        notes=tuple(notes),
    )


def _is_program(text: str) -> bool:
    return (
        "Microsoft.NET.Sdk.Web" in text
        or "Microsoft.NET.Sdk.Worker" in text
        or bool(re.search(r"<OutputType>\s*(Win)?Exe\s*<", text, re.IGNORECASE))
    )


def _leaves(project: str, reference: str) -> bool:
    """Whether a reference, relative to its project's folder, ends outside of the context."""
    depth = project.count("/")
    for part in reference.replace("\\", "/").split("/")[:-1]:
        depth += -1 if part == ".." else 0 if part == "." else 1
        if depth < 0:
            return True
    return False
