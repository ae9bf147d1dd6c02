"""Whether audio must be resampled at all, decided without numpy: most calls carry one rate from end to end.

The converter itself is `resample`; it and numpy (a tenth of a second, once) load with the first stream that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roomkit.voice.audio.resample import Resampler


def resampler(from_hz: int, to_hz: int) -> Resampler | None:
    """A fresh `Resampler`, or ``None`` where the rates are equal and there is nothing to do.

    Raises:
        ValueError: A rate that is not positive.
    """
    if from_hz == to_hz:
        return None
    from roomkit.voice.audio.resample import Resampler

    return Resampler(from_hz, to_hz)
