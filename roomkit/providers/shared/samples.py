"""PCM16 kept whole where a server cuts inside a sample. Pure."""

from __future__ import annotations

from roomkit.voice.realtime.provider_events import Audio


class SampleAligner:
    """Keeps PCM16 whole where a server cuts inside a sample: the odd byte waits for the item's next piece.

    Attributes:
        has_rest: A byte is waiting, so the next piece must pass through `aligned` even if it is even.
    """

    def __init__(self) -> None:
        self.has_rest = False
        self._item_id = ""
        self._rest = b""

    def aligned(self, audio: Audio) -> Audio:
        """``audio`` with what was left over before it, without what is left over now."""
        pcm = self._rest + audio.pcm if audio.item_id == self._item_id else audio.pcm
        whole_bytes = len(pcm) & ~1
        self._item_id, self._rest = audio.item_id, pcm[whole_bytes:]
        self.has_rest = bool(self._rest)
        return Audio(pcm[:whole_bytes], audio.response_id, audio.item_id)
