"""Keys of vendors: given to the provider, or in the environment; and what is said where one is missing or wrong."""

from __future__ import annotations

import os

from pydantic import SecretStr

from roomkit.errors import ConfigError


def key_of(given: SecretStr | None, *variables: str) -> str:
    """The key to use now; ``""`` where there is none.

    Args:
        given: To the provider; an empty one counts as none.
        variables: Of the environment, the first that is set; read at each call, so that keys can be rotated.
    """
    if given:
        return given.get_secret_value()
    return next((key for variable in variables if (key := os.environ.get(variable, ""))), "")


def missing_key(what: str, variable: str) -> ConfigError:
    """The error for ``what`` cannot do without a key."""
    return ConfigError(f"{what} needs a key: set {variable}, or pass api_key to the provider")


def check_key(variable: str) -> str:
    """What to look at where a key was refused."""
    return f"check {variable}, or the api_key given to the provider"
