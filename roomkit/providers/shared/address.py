"""What a ``base_url`` may stand for: a socket named ``ws(s)://`` or ``http(s)://``, with or without its path. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from roomkit.errors import ConfigError

_SOCKET_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


def socket_address(base_url: str, example: str) -> SplitResult:
    """``base_url`` taken apart, its scheme the one of a socket and no slash at the path's end.

    Args:
        base_url: As the user gave it.
        example: What a whole address looks like (``wss://host/v1/realtime``), for the error.

    Raises:
        ConfigError: It has no ``ws``, ``wss``, ``http`` or ``https`` scheme, or no host.
    """
    try:
        parts = urlsplit(base_url)
    except ValueError as error:
        raise ConfigError("base_url is no URL") from error
    scheme = _SOCKET_SCHEMES.get(parts.scheme.lower())
    if scheme is None or not parts.hostname:
        raise ConfigError(f"base_url must look like wss://host, https://host or {example}")
    return parts._replace(scheme=scheme, path=parts.path.rstrip("/"), fragment="")


def with_query(address: SplitResult, query: Mapping[str, str]) -> str:
    """``address`` in one piece, with these parameters too; those it has stay."""
    present = parse_qsl(address.query, keep_blank_values=True)
    names = {name for name, _ in present}
    present += [(name, value) for name, value in query.items() if name not in names]
    return urlunsplit(address._replace(query=urlencode(present)))
