"""The one table: a row a figure, a column a server, and what ours costs as a multiple of the floor."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.scenario import Figures

_ROWS: tuple[tuple[str, str, int], ...] = (
    ("CPU ms a session-second", "cpu_ms", 2),
    ("sessions a core, p99 < 100 ms", "sessions_a_core", 0),
    ("added latency p50, ms", "latency_p50_ms", 2),
    ("added latency p99, ms", "latency_p99_ms", 2),
    ("time to first audio p50, ms", "first_audio_p50_ms", 2),
    ("speech started to clear_audio p50, ms", "clear_p50_ms", 2),
    ("memory a session, KB", "session_kb", 0),
    ("start to listening, ms", "start_ms", 0),
)
_TITLES = {"websockets": "relay, websockets", "picows": "relay, picows", "own": "ours, own", "asgi": "ours, ASGI"}
_RATIOS = (("own", "picows"), ("asgi", "websockets"))


Part = tuple[str, float, float | None]
"""What a part costs: label with unit, ours, and the relays' straight code where they do the same."""


def table(columns: dict[str, Figures], parts: Sequence[Part] = ()) -> str:
    """The measured servers beside each other, then the parts, with the ratios of what was measured."""
    ratios = [(ours, floor) for ours, floor in _RATIOS if ours in columns and floor in columns]
    head = ["", *(_TITLES[kind] for kind in columns), *(f"{ours} / {floor}" for ours, floor in ratios)]
    rows = [head]
    for label, name, digits in _ROWS:
        values = {kind: float(getattr(figures, name)) for kind, figures in columns.items()}
        cells = [_number(value, digits) for value in values.values()]
        if name == "sessions_a_core":
            cells = [
                f"over {cell}" if columns[kind].load_bound else cell for kind, cell in zip(columns, cells, strict=True)
            ]
        quotients = [values[ours] / values[floor] for ours, floor in ratios]
        rows.append([label, *cells, *(_number(quotient, 2) for quotient in quotients)])
    for label, ours, floor in parts:
        cells = [_number(math.nan if (value := _of(kind, ours, floor)) is None else value, 2) for kind in columns]
        quotient = ours / floor if floor else math.nan
        rows.append([label, *cells, *(_number(quotient, 2) for _ in ratios)])
    return render(rows)


def _of(kind: str, ours: float, floor: float | None) -> float | None:
    return ours if kind in ("own", "asgi") else floor


def render(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table that also reads well in a terminal; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(_fit(row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if index == 0 else ":") for index, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _fit(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return [first.strip().ljust(widths[0]), *rest]


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:,.{digits}f}"
