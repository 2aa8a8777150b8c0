"""The tasks of this repo are layerproof's own. `inv --list` shows them, `inv --help TASK` explains one."""

from pathlib import Path

from layerproof.tasks import namespace

namespace.configure({"layerproof": {"root": str(Path(__file__).parent)}})
