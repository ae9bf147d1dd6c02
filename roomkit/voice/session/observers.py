"""The observing hooks of one session: told from the lane, in order, and only if somebody listens.

Not in here: deciding hooks (`transcripts`, `tools`). Invariant: nothing is computed for a trigger nobody observes.
"""

from __future__ import annotations

from collections.abc import Callable

from roomkit.models.enums import HookTrigger
from roomkit.models.voice import AudioLevelEvent
from roomkit.voice.audio.level import level
from roomkit.voice.session.context import SessionContext


class Observers:
    """Whoever observes one session."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context

    def tell(self, trigger: HookTrigger, event: Callable[..., object], **fields: object) -> None:
        """Start a trigger's observers from the lane; the payload is built only when somebody listens."""
        context = self._context
        if context.port.listens(trigger):
            payload = event(session=context.view, **fields)
            context.lane.put(lambda: context.port.tell(trigger, payload))

    def input_level(self, pcm: bytes) -> None:
        """The caller's audio, about ten times a second."""
        self._level("input", HookTrigger.ON_INPUT_AUDIO_LEVEL, pcm)

    def output_level(self, pcm: bytes) -> None:
        """The agent's audio, about ten times a second."""
        self._level("output", HookTrigger.ON_OUTPUT_AUDIO_LEVEL, pcm)

    def _level(self, direction: str, trigger: HookTrigger, pcm: bytes) -> None:
        context = self._context
        if not pcm or not context.port.listens(trigger):
            return
        rms_dbfs, peak_dbfs = level(pcm)
        payload = AudioLevelEvent(
            session=context.view,
            direction="input" if direction == "input" else "output",
            rms_dbfs=rms_dbfs,
            peak_dbfs=peak_dbfs,
        )
        context.lane.put(lambda: context.port.tell(trigger, payload), newest_of=f"level:{direction}")
