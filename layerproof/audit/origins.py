"""Whose a file is, by where it lies."""

from __future__ import annotations

import re

# Below usr/src an application may lie as well as sources that a package has brought, and a page below usr/share.
_DEPENDENCIES = re.compile(
    r"(^|/)(node_modules|site-packages|dist-packages|vendor|gems|lib/python\d[\d.]*|\.m2|pkg/mod|usr/lib"
    r"|usr/share(?!/(nginx/html|caddy)/)|usr/src/(linux|kernels|php|python)[^/]*|usr/local/(lib|share|go)|opt/java"
    r"|usr/local/bin|usr/include|usr/local/include)/"
)


def is_of_dependency(path: str) -> bool:
    """Whether others have written a file, and an install has brought it."""
    return _DEPENDENCIES.search(path) is not None
