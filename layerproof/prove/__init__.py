"""
The cache contract: what an edit may re-run, and what it must. Data to data; the builds are run by `workflow.prove`.

Each probe edits a copy of a service's build context in one way, and has the real engine build it again.

    probe      edit                                     must run                     must not run
    noop       none                                     nothing                      everything
    source     one application file                     an application step          dependency steps, base steps
    manifest   the dependency manifests and their locks the install step             base steps
    unrelated  README, log, data/, .pkl, .env, ...      nothing                      everything
    touch      times only                               nothing                      everything
    sibling    source of every other service            nothing                      everything
    base       the Dockerfile of each base              the base, then the service   -

Source: DESIGN, "The cache contract"; R10 and T20 of the requirements.
"""
