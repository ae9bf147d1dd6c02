"""How a pocketsphinx decoder is taught what can be said: JSGF text, or a word network.

Not in here: what can be said. Invariant: a grammar that cannot be used leaves as a `ConfigError`.
"""

from __future__ import annotations

from typing import Any

from roomkit.errors import ConfigError
from roomkit.voice.stt.word_network import END, START, WordNetwork

Grammar = str | WordNetwork
"""JSGF text, or a network, with which the decoder has half as much to do."""


def add_grammar(decoder: Any, search: str, grammar: Grammar) -> None:
    """Have a search for a grammar's phrases.

    Raises:
        ConfigError: The grammar cannot be read, or has a word nobody told how to pronounce.
    """
    try:
        if isinstance(grammar, str):
            decoder.add_jsgf_string(search, grammar)
        else:
            decoder.add_fsg(search, decoder.create_fsg(search, START, END, _transitions(grammar)))
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            "the recogniser cannot use this grammar: bad JSGF, an empty network, or a word not in CMUdict"
        ) from error


def _transitions(network: WordNetwork) -> list[tuple[int, int, float] | tuple[int, int, float, str]]:
    """The arcs as the library takes them: one that says nothing has no word."""
    return [
        (arc.origin, arc.target, arc.weight, arc.word) if arc.word else (arc.origin, arc.target, arc.weight)
        for arc in network.arcs
    ]
