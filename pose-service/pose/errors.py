"""
What a request can do wrong, each with its HTTP status and a stable code.

PoseError
|- MissingImage      400 missing_image
|- TooLarge          413 too_large
|- TooManyPixels     413 too_many_pixels
|- UnsupportedMedia  415 unsupported_media
|- DamagedImage      422 damaged_image
`- NoPerson          422 no_person

ConfigurationError stands apart: it stops the start of the service.
"""

from __future__ import annotations


class PoseError(Exception):
    """A request that cannot be answered; `message` is written for the person who sent it."""

    status = 400
    code = "bad_request"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class MissingImage(PoseError):
    status, code = 400, "missing_image"


class TooLarge(PoseError):
    status, code = 413, "too_large"


class TooManyPixels(PoseError):
    status, code = 413, "too_many_pixels"


class UnsupportedMedia(PoseError):
    status, code = 415, "unsupported_media"


class DamagedImage(PoseError):
    status, code = 422, "damaged_image"


class NoPerson(PoseError):
    status, code = 422, "no_person"


class ConfigurationError(Exception):
    """The environment asks for something this service does not have."""


def error_body(code: str, message: str) -> dict[str, dict[str, str]]:
    """The one shape of every error answer."""
    return {"error": {"code": code, "message": message}}
