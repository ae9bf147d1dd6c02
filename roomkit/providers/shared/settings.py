"""How a provider is given its settings: as one config object, or one by one, never both (R-0006-75).

Not in here: which settings there are, and what they may be (the vendors' `config`).
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from roomkit.errors import ConfigError

C = TypeVar("C", bound=BaseModel)


def config_of(config_type: type[C], config: C | None, **settings: object) -> C:
    """``config``, or a new one of those ``settings`` that are not ``None``.

    Args:
        config_type: The vendor's.
        config: As the user gave it.
        settings: Fields of it that the user may give instead; ``None``: not given.

    Raises:
        ConfigError: Settings beside a config, which names them; or a config of another type.
        pydantic.ValidationError: A setting has a value it cannot have.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if config is None:
        return config_type(**given)
    if not isinstance(config, config_type):
        raise ConfigError(f"config is of type {type(config).__name__}; it must be {config_type.__name__}")
    if given:
        raise ConfigError(f"{', '.join(given)}: given beside config; put it into {config_type.__name__}")
    return config
