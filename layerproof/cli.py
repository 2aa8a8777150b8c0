"""The console command `layerproof`: the same tasks, without a tasks.py."""

from invoke.program import Program

from layerproof import __version__
from layerproof.tasks import namespace

program = Program(name="layerproof", binary="layerproof", namespace=namespace, version=__version__)
