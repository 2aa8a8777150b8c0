"""C# projects: the project file that is the program, and the framework it targets."""

from __future__ import annotations

import re

from msgspec.structs import replace

from layerproof.starters import Folder, Starter, Wishes
from layerproof.starters.sources import find_health_path, sources
from layerproof.starters.versions import DOTNET

_TEST = re.compile(r"Microsoft\.NET\.Test\.Sdk|xunit|NUnit|MSTest")
# <ProjectReference Include="..\\Shared\\Shared.csproj" />
_REFERENCE = re.compile(r"<ProjectReference\s+Include=\"([^\"]+)\"")
_BESIDE = (
    *("Directory.Build.props", "Directory.Packages.props", "Directory.Build.targets", "global.json"),
    *("nuget.config", "NuGet.Config", "NuGet.config"),
)


def detect(folder: Folder, wishes: Wishes) -> Starter | None:
    """What a folder with C#, F# or VB project files is; None without one."""
    projects = [path for path in folder.paths if path.endswith((".csproj", ".fsproj", ".vbproj"))]
    if not projects:
        return None
    texts = {path: folder.read(path) for path in projects}
    programs = [path for path, text in texts.items() if _is_program(text) and not _TEST.search(text)]
    alike = (path for path in programs if path.rpartition("/")[2].lower().startswith(f"{folder.name.lower()}."))
    chosen = programs[0] if len(programs) == 1 else next(alike, "")
    text, together = texts.get(chosen, ""), "".join(texts.values())
    # <TargetFramework>net8.0</TargetFramework>
    found = re.search(r"<TargetFrameworks?>[^<]*?net(\d+\.\d+)", text or together)
    starter = Starter("dotnet", "dotnet", found[1] if found else DOTNET.default)
    if not found and "TargetFramework" in together:
        return replace(starter, blocked=f"{projects[0]}: .NET Framework runs on Windows only")
    if outside := [path for path in _REFERENCE.findall(text) if _leaves(chosen, path)]:
        reason = f"{chosen} refers to {outside[0]}, outside of its build context: that is not handled"
        return replace(starter, blocked=reason)
    listed = ", ".join(programs) or "none is"
    note = f"which project is the program is not clear ({listed}): set PROJECT in the Dockerfile"
    is_web = "Microsoft.NET.Sdk.Web" in text
    code = "\n".join(body for _, body in sources(folder, ".cs", ".fs"))
    name = re.search(r"<AssemblyName>([^<$]+)</AssemblyName>", text)
    assembly = name[1] if name else chosen.rpartition("/")[2].rpartition(".")[0]
    port = wishes.port or (8080 if is_web else None)
    return replace(
        starter,
        framework="aspnet" if is_web else "",
        command=("dotnet", f"{assembly}.dll") if chosen else (),
        port=port,
        health_path=find_health_path(code),
        values={
            "project": chosen,
            "choices": tuple(programs),
            "is_web": is_web or not chosen,
            "manifests": tuple(item for item in _BESIDE if item in folder.paths),
            "projects": tuple(path for path in projects if not _TEST.search(texts[path])),
            "locks": tuple(path for path in folder.paths if path.rpartition("/")[2] == "packages.lock.json"),
            "environment": {"ASPNETCORE_HTTP_PORTS": str(port)} if port and is_web else {},
        },
        notes=() if chosen else (note,),
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
