"""Pictures of a request: base64, a data URL, or the address of one on the open internet."""

from __future__ import annotations

import base64
import binascii

from assistant.api.bodies import base64_limit
from assistant.api.problems import Problem, problem_of
from assistant.errors import InputError
from assistant.fetching import fetch
from assistant.intake import read_image
from assistant.messages import ImagePart
from assistant.settings import Settings


def picture_from_url(url: str, place: str, settings: Settings) -> ImagePart:
    """The picture behind a data URL or an http(s) address, through the intake of the page.

    Args:
        url: where it is.
        place: the field of the request, for the message.
        settings: the limits.

    Raises:
        Problem: it may not or cannot be fetched, or is no picture within the limits.
    """
    if url[:5].lower() == "data:":
        return as_picture(decode(url, place, settings), place, settings)
    try:
        data = fetch(url, most_bytes=settings.max_image_bytes)
    except InputError as error:
        raise problem_of(error, place) from error
    return as_picture(data, place, settings)


def as_picture(data: bytes, place: str, settings: Settings) -> ImagePart:
    """The picture in a file.

    Raises:
        Problem: it is no picture within the limits.
    """
    try:
        return read_image(data, settings)
    except InputError as error:
        raise problem_of(error, place) from error


def decode(image: str, place: str, settings: Settings) -> bytes:
    """The bytes of a picture that came as base64 or as a data URL.

    Raises:
        Problem: it is too large, or not base64.
    """
    encoded = image
    if image[:5].lower() == "data:":
        header, comma, encoded = image.partition(",")
        if not comma or not header.lower().endswith(";base64"):
            message = f"{place}: expected data:image/...;base64,... as a data URL."
            raise Problem(400, message, param=place, code="invalid_image")
    if len(encoded) > base64_limit(settings):
        limit = f"{settings.max_image_bytes / 1e6:.0f} MB"
        message = f"{place}: a picture may have at most {limit}. Save it smaller."
        raise Problem(413, message, param=place, code="image_too_large")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"{place}: this is neither base64 nor a data URL ({error})."
        raise Problem(400, message, param=place, code="invalid_image") from error
