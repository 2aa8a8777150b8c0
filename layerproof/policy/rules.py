"""The table of rules."""

from layerproof.policy import (
    Rule,
    lp000_ignores,
    lp001_stages,
    lp002_deps_manifests_only,
    lp003_manifests_before_source,
    lp004_own_context,
    lp005_ignore_file,
    lp006_gpu_reservation,
    lp007_install_outside_dockerfile,
    lp008_windows_path,
    lp009_install_in_start_command,
    lp010_readable,
)

RULES = (
    Rule("LP000", "ignores are used and have a reason", "warning", "R13", "silence", lp000_ignores),
    Rule("LP001", "stages deps, build, runtime", "error", "R4", "service", lp001_stages),
    Rule("LP002", "deps copies manifests only", "error", "R4", "service", lp002_deps_manifests_only),
    Rule("LP003", "manifests before source", "error", "R4", "service", lp003_manifests_before_source),
    Rule("LP004", "own build context", "error", "R6", "compose", lp004_own_context),
    Rule("LP005", "ignore file with the mandatory paths", "error", "R8", "context", lp005_ignore_file),
    Rule("LP006", "GPU reservation", "error", "R7", "compose", lp006_gpu_reservation),
    Rule("LP007", "no install outside Dockerfiles", "error", "R9", "script", lp007_install_outside_dockerfile),
    Rule("LP008", "no Windows path", "error", "R15", "compose", lp008_windows_path),
    Rule("LP009", "no install in a start command", "error", "R9", "compose", lp009_install_in_start_command),
    Rule("LP010", "what is built can be read", "error", "R13", "broken", lp010_readable),
)
