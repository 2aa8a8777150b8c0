"""
The Invoke collection. A repo of your own needs one line in its tasks.py: `from layerproof.tasks import namespace`.

Importing it must stay cheap, because `inv --list` and shell completion do: heavy imports happen inside the tasks.
"""

from invoke.collection import Collection

from layerproof.tasks import affected, audit, bench, build, init, policy, proof, report, setup, stack, why

namespace = Collection("layerproof")
for _task in (
    setup.doctor,
    setup.weights,
    setup.shell_setup,
    setup.lab,
    setup.demo,
    init.init,
    build.bases,
    build.build,
    build.graph,
    proof.prove,
    why.why,
    affected.affected,
    bench.bench,
    policy.check,
    policy.rules,
    audit.audit,
    report.report,
    build.images,
    build.cache,
    build.prune,
    stack.up,
    stack.down,
    stack.ps,
    stack.logs,
    stack.restart,
    stack.watch,
    stack.verify,
):
    namespace.add_task(_task)
