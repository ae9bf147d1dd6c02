"""Pictures on their way to an agent: what kind they are, and whether they may be sent at all. Pure.

Not in here: which of these kinds a vendor takes (its dialect says so). Invariant: what passed is of the kind it says.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from roomkit.errors import ConfigError

MAX_IMAGE_BYTES: Final = 10_000_000
"""As base64 it is 13 MB: one wire message below the 15 MB and 16 MB at which vendors and proxies cut the line."""

_MAGIC: Final = (
    ("image/png", b"\x89PNG\r\n\x1a\n", 0),
    ("image/jpeg", b"\xff\xd8\xff", 0),
    ("image/gif", b"GIF87a", 0),
    ("image/gif", b"GIF89a", 0),
    ("image/webp", b"WEBP", 8),
)
IMAGE_TYPES: Final = tuple(dict.fromkeys(mime_type for mime_type, _, _ in _MAGIC))
"""The kinds that are known here; a vendor may take fewer."""


def image_type(data: bytes) -> str | None:
    """The MIME type of a picture by its first bytes; ``None``: it is none of `IMAGE_TYPES`."""
    for mime_type, magic, offset in _MAGIC:
        if data[offset : offset + len(magic)] == magic and (mime_type != "image/webp" or data[:4] == b"RIFF"):
            return mime_type
    return None


def check_image(data: bytes, mime_type: str) -> None:
    """See that a picture can be shown to an agent.

    Raises:
        ConfigError: It is too large, of a kind no agent takes, or not of the kind it is said to be.
    """
    if not isinstance(data, bytes) or not data:
        raise ConfigError("a picture is given as its bytes, and has some")
    if len(data) > MAX_IMAGE_BYTES:
        raise ConfigError(f"a picture of {len(data)} bytes is too large, {MAX_IMAGE_BYTES} are allowed: scale it down")
    if mime_type not in IMAGE_TYPES:
        raise ConfigError(f"a picture is one of {', '.join(IMAGE_TYPES)}, not {mime_type!r:.80}: convert it")
    if (found := image_type(data)) != mime_type:
        raise ConfigError(f"the picture is said to be {mime_type}, but it holds {found or 'something else'}")


def image_of_data_url(url: str) -> bytes | None:
    """The picture in a ``data:`` URL; ``None``: there is none that could be shown. Takes up to 30 ms for 10 MB."""
    header, comma, body = url.partition(",")
    if not comma or not header.lower().startswith("data:image/"):
        return None
    try:
        is_base64 = header.lower().endswith(";base64")
        data = base64.b64decode(unquote_to_bytes(body), validate=True) if is_base64 else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) <= MAX_IMAGE_BYTES and image_type(data) is not None else None
