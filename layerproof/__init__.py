"""Builds Compose monorepos with BuildKit and proves on the real engine what an edit re-runs."""

__version__ = "0.1.0"
