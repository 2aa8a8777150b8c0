"""What a build of this tree would run, compared with a commit: both trees are looked at, neither is built."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from layerproof import graph
from layerproof.engine import Engine
from layerproof.explain import Past, explain
from layerproof.ingredients import Known, trace
from layerproof.model import Explanation, Project
from layerproof.workflow.commits import as_git_has_it, evidence_of, load_tree, tree_of
from layerproof.workflow.evidence import Gatherer


def why_against(
    project: Project,
    commit: str,
    *,
    engine: Engine,
    environment: Mapping[str, str],
    names: Collection[str] = (),
) -> tuple[Explanation, ...]:
    """
    Which steps a builder that has built a commit would run for this tree, and why. Nothing is built, and neither the
    working tree nor git's index is touched.

    Args:
        commit: whatever git resolves to one.
        names: of these images; none means every image.

    Raises:
        UsageError: there is no such commit, or the project is in no git repository.
        ConfigError: the project as that commit has it cannot be read.
    """
    local = engine.images()
    wanted = graph.with_parents(project.images, names or [image.name for image in project.images])
    gatherer = Gatherer(project)
    now = trace(as_git_has_it(gatherer.gather(wanted, local)[0]))
    with tree_of(project.root, commit) as root:
        there = load_tree(project, root, engine=engine, environment=environment)
        before = trace(evidence_of(there, local, home=project.root, like=gatherer))
    known = Known()
    for built in before.values():
        known.enter(built.keys)
    cached = known.held(now)
    found = []
    for image in wanted:
        sure, maybe = known.split(now[image.name])
        past = Past(before, {})
        causes = explain(image.name, {*sure, *maybe}, now=now, past=past, maybe=maybe, cached=cached)
        many = len(now[image.name].steps) - len(causes)
        note = "" if causes else "every step would come from the cache"
        found.append(Explanation(image.name, "this tree", commit, causes, many, note))
    return tuple(found)
