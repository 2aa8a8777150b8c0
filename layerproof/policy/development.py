"""What of a compose project is for development only, by what files and profiles are called."""

from __future__ import annotations

import re

from layerproof.model import Service
from layerproof.policy import ComposeSubject, Keys

# docker-compose.dev.yml, compose.override.yaml, test/compose.yml
_DEVELOPMENT = re.compile(r"(^|[._-])(dev|devel|development|override|local|tests?|testing|e2e|ci)([._-]|$)")


def is_for_development(subject: ComposeSubject, service: Service, keys: Keys) -> bool:
    """Whether a service starts in such profiles only, or what is at a key path is said by such a file."""
    profiles = service.raw.get("profiles") or ()
    is_for_it = bool(profiles) and all(_DEVELOPMENT.search(str(profile)) for profile in profiles)
    return is_for_it or _DEVELOPMENT.search(subject.file_of(keys).name) is not None
