"""Audio as values: alignment, resampling, levels. Pure functions and small classes over PCM16 LE mono bytes.

Neither asyncio nor a socket is imported here. numpy loads with the first use of what needs it (`resample`, `level`,
`wav`), so nothing is re-exported: import from the submodules.
"""
