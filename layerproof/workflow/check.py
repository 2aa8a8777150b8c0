"""Read everything a rule can look at, run the rules, and apply the ignores of the configuration."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from layerproof import compose, context, policy
from layerproof.config import Config
from layerproof.engine import ComposeCall, Engine
from layerproof.errors import ConfigError
from layerproof.graph import lint_definition
from layerproof.model import Finding, Project
from layerproof.policy import Breach, ComposeSubject, IgnoreSubject, Rule, ScriptSubject
from layerproof.workflow.load import configuration, load

OVERLAYS = ("cpu", "dev")
MAX_SCRIPT_BYTES = 1 << 20


def check_project(
    root: Path, *, engine: Engine, environment: Mapping[str, str] | None = None
) -> tuple[tuple[Finding, ...], str]:
    """
    Validate every combination of compose files and run every rule.

    Returns:
        The findings by path, line and rule; and in words what was checked.

    Raises:
        ConfigError: a file does not parse; a combination that Compose refuses.
    """
    environment = os.environ if environment is None else environment
    project = load(root, engine=engine, environment=environment)
    main = without_overlays(project.compose_files)
    if main != project.compose_files:
        # COMPOSE_FILE names an overlay, such as the CPU's: the rules are about what it is laid over.
        named = {"COMPOSE_FILE": ":".join(map(str, main)), "COMPOSE_PATH_SEPARATOR": ":"}
        project = load(root, engine=engine, environment={**environment, **named})
    config = configuration(project)
    combinations = list(compose_combinations(project.compose_files))
    for files in combinations:
        engine.compose_config(ComposeCall(project.root, files, environment))
    rules = policy.load_rules()
    unknown = set(config.policy.ignore) - {rule.id for rule in rules}
    if unknown:
        raise ConfigError(f"pyproject.toml: tool.layerproof.policy.ignore: there is no rule {sorted(unknown)[0]}")
    found = {finding for rule in rules for finding in _findings(rule, project, config)}
    used = {finding.rule for finding in found}
    kept = [finding for finding in found if finding.rule not in config.policy.ignore]
    kept += [
        Finding(rule, "warning", "pyproject.toml", 1, f"the ignore of {rule} is not used: remove it", "R13")
        for rule in config.policy.ignore
        if rule not in used
    ]
    dockerfiles = len({image.dockerfile.path for image in project.images})
    checked = f"{len(combinations)} compose combinations, {dockerfiles} Dockerfiles, {len(rules)} rules"
    return tuple(sorted(kept, key=lambda finding: (finding.path, finding.line, finding.rule, finding.message))), checked


def check_by_buildkit(root: Path, *, engine: Engine, profile: str | None = None) -> tuple[Finding, ...]:
    """
    BuildKit's own checks of every Dockerfile, each place once; needs an engine and the upstream images.

    Raises:
        BuildError: the checks could not run.
    """
    project = load(root, engine=engine, environment=os.environ, profile=profile)
    targets = engine.lint(lint_definition(project.images))
    found = set()
    for image in project.images:
        path = os.path.relpath(image.dockerfile.path, project.root)
        result = (targets.get(image.name) or {}).get("check") or {}
        if error := result.get("buildError"):
            found.add(Finding("buildkit", "error", path, 1, str(error.get("message", error)), "R13"))
        for warning in result.get("warnings") or ():
            ranges = (warning.get("location") or {}).get("ranges") or [{"start": {"line": 1}}]
            message = f"{warning.get('detail') or warning.get('description')}"
            rule = f"buildkit/{warning.get('ruleName')}"
            found.add(Finding(rule, "warning", path, int(ranges[0]["start"]["line"]), message, "R13"))
    return tuple(sorted(found, key=lambda finding: (finding.path, finding.line, finding.rule)))


def without_overlays(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """The compose files without the overlays that layerproof lays over the first one itself."""
    overlays = {compose.overlay_file(files[0], kind) for kind in OVERLAYS}
    return tuple(file for file in files if file not in overlays)


def compose_combinations(files: tuple[Path, ...]) -> Iterator[tuple[Path, ...]]:
    """The main compose files, alone and with every set of the overlays beside them."""
    overlays = [overlay for kind in OVERLAYS if (overlay := compose.overlay_file(files[0], kind))]
    for count in range(len(overlays) + 1):
        for chosen in itertools.combinations(overlays, count):
            yield (*files, *chosen)


def _findings(rule: Rule, project: Project, config: Config) -> Iterator[Finding]:
    for path, breach in _breaches(rule, project, config):
        line, message = breach
        relative = os.path.relpath(path, project.root)
        yield Finding(rule.id, rule.severity, relative, line, message, rule.requirement)


def _breaches(rule: Rule, project: Project, config: Config) -> Iterator[tuple[Path, Breach]]:
    if rule.subject == "compose":
        main = project.compose_files[0]
        subject = ComposeSubject(project, config, line_finder(main.read_text(encoding="utf-8")))
        yield from ((main, breach) for breach in rule.check(subject))
    for image in project.images:
        if rule.subject == "dockerfile" and image.role == "service":
            path = project.compose_files[0] if image.inline else image.dockerfile.path
            yield from ((path, breach) for breach in rule.check(image))
        if rule.subject == "ignore":
            ignore = _ignore_subject(image.dockerfile.path, image.context)
            yield from ((ignore.path, breach) for breach in rule.check(ignore))
        if rule.subject == "script" and image.role == "service":
            for script in _scripts(image.context, image.dockerfile.path):
                yield from ((script.path, breach) for breach in rule.check(script))


def _ignore_subject(dockerfile: Path, folder: Path) -> IgnoreSubject:
    path = context.ignore_file_of(dockerfile, folder)
    if path is None:
        return IgnoreSubject(folder / ".dockerignore", None)
    return IgnoreSubject(path, context.parse_ignore(path.read_text(encoding="utf-8", errors="replace")))


def _scripts(folder: Path, dockerfile: Path) -> Iterator[ScriptSubject]:
    """The shell scripts and package.json files that reach the build context."""
    for file in context.load_context(folder, dockerfile=dockerfile):
        path = folder / file.path
        is_script = path.suffix in (".sh", ".bash", ".zsh") or path.name == "package.json"
        if is_script and path.is_file() and path.stat().st_size <= MAX_SCRIPT_BYTES:
            yield ScriptSubject(path, path.read_text(encoding="utf-8", errors="replace"))


def line_finder(text: str) -> Callable[[tuple[str, ...]], int]:
    """Where a key path stands in a YAML text: the line of the longest part of it that exists; 1 for none."""
    import yaml

    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        document = None

    def line_of(keys: tuple[str, ...]) -> int:
        node, line = document, 1
        for key in keys:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            found = next(((name, value) for name, value in pairs if name.value == key), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        return line

    return line_of
