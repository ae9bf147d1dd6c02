"""What a provider tells its users once, however many links it opens: wishes that the vendor has no way to fulfil."""

from __future__ import annotations

import logging

from roomkit.voice.realtime.commands import LinkConfig


class Notices:
    """The sentences of one provider object that were said.

    Args:
        logger: Where they are said, as warnings.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said: set[str] = set()

    def tell(self, sentence: str) -> None:
        """Say it, unless it was said."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._logger.warning("%s", sentence)


def wants_temperature(config: LinkConfig) -> bool:
    """Whether a temperature is set, in either place for it."""
    return config.temperature is not None or config.provider_config.get("temperature") is not None
