"""Build arguments that CI gives another value in every build: with an edit comes a new commit."""

from __future__ import annotations

import re

# BUILD_DATE, GIT_SHA, VCS_REF, CI_JOB_ID, SOURCE_DATE_EPOCH, ...
_VOLATILE = re.compile(
    r"""(?:(?:APP|BITBUCKET|BUILD|BUILT|CI|CIRCLE|COMMIT|CREATED|DRONE|GIT|GITHUB|HEAD|HG|IMAGE|LAST|RELEASE|REPO|SERVICE
          |SHORT|SOURCE|SRC|VCS)_?)*
        (?:SOURCE_DATE_EPOCH|SHA1?|HASH|COMMIT|REVISION|REV|REF|DATE|TIME|TIMESTAMP|DATETIME|AT|ON|NOW|TODAY|EPOCH
          |(?:BUILD|RUN|JOB|PIPELINE|WORKFLOW)_?(?:ID|NUM|NUMBER|TAG)|CACHE_?BUST(?:ER)?)""",
    re.IGNORECASE | re.VERBOSE,
)
# A commit (short or whole), a checksum or a version that stands in the Dockerfile pins something; zeros do not.
_PIN = re.compile(
    r"(?:sha256:)?(?=.*[1-9a-f])(?:[0-9a-f]{7}|[0-9a-f]{40}|[0-9a-f]{64}|(?=\d*[a-f])[0-9a-f]{8,63})|v?\d+\.\d.*",
    re.IGNORECASE,
)


def is_volatile(name: str) -> bool:
    """Whether an argument of this name has another value in every build."""
    return _VOLATILE.fullmatch(name) is not None


def is_pin(value: str) -> bool:
    """Whether a default, its quotes taken away, says which commit or version of something is wanted."""
    return _PIN.fullmatch(value) is not None
