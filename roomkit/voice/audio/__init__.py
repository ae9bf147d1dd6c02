"""Audio as values: alignment, resampling, levels. Pure functions and small classes over PCM16 LE mono bytes.

Neither asyncio nor a socket is imported here. `pcm` needs the standard library only; `resample` and `level` load
numpy, so they are imported by whoever uses them and not re-exported.
"""
