"""Writes the table of `docs/providers/index.md` from the providers' profiles, so that the page says what the code does.

    python tools/provider_table.py          write it
    python tools/provider_table.py --check  exit status 1 if the page is behind the code

Not in here: the page's words, which stand around the table. Invariant: every field of `Profile` has a row.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from roomkit.providers.elevenlabs.realtime import ELEVENLABS_PROFILE
from roomkit.providers.gemini.realtime import GEMINI_PROFILE
from roomkit.providers.openai.realtime import OPENAI_PROFILE
from roomkit.providers.xai.realtime import XAI_PROFILE
from roomkit.voice.realtime.profile import Profile

PAGE: Final = Path(__file__).parents[1] / "docs" / "providers" / "index.md"
BEGIN, END = "<!-- written by tools/provider_table.py: begin -->", "<!-- end -->"

VENDORS: Final[dict[str, Profile]] = {
    "OpenAI": OPENAI_PROFILE,
    "Gemini": GEMINI_PROFILE,
    "xAI": XAI_PROFILE,
    "ElevenLabs": ELEVENLABS_PROFILE,
}
"""The columns, by the name people know."""


def _yes(value: bool) -> str:
    return "yes" if value else "-"


def _khz(rates_hz: tuple[int, ...]) -> str:
    return ", ".join(f"{rate_hz / 1000:g}" for rate_hz in rates_hz)


def _codes(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "-"


def _minutes(duration_ms: int | None) -> str:
    return "none known" if duration_ms is None else f"{duration_ms / 60_000:g} min"


ROWS: Final[dict[str, tuple[str, Callable[[Any], str]]]] = {
    "name": ("`Profile.name` (for prices, logs)", lambda name: f"`{name}`"),
    "input_rates_hz": ("takes audio at, kHz", _khz),
    "output_rates_hz": ("speaks at, kHz", _khz),
    "reconfigures": ("changes in place (the rest over a new link)", _codes),
    "truncates": ("is told how much of an answer was heard", _yes),
    "deletes_items": ("can forget an item", _yes),
    "cancels": ("a running answer can be cancelled", _yes),
    "manual_turns": ("push to talk", _yes),
    "images": ("sees images", _yes),
    "image_types": ("of these kinds", _codes),
    "temperature": ("takes a temperature", _yes),
    "transcribes_input": ("writes down what the caller said", _yes),
    "tells_speech": ("says at once that it hears somebody speak", _yes),
    "holds_answers": ("`hold_answers`", _yes),
    "resumes": ("takes up a lost conversation itself (else it is replayed)", _yes),
    "says_verbatim": ("says a given text word for word itself", _yes),
    "takes_tools": ("is told of function tools (else set up at the vendor)", _yes),
    "vendor_tools": ("tools the vendor runs", _codes),
    "timed_words": ("says when each word is spoken", _yes),
    "reports_usage": ("counts its usage", _yes),
    "max_session_ms": ("longest link (a new one takes over before)", _minutes),
}
"""Each field of a profile: what a reader calls it, and how its value reads."""


def table() -> str:
    """The table, as Markdown."""
    lines = [_line("", VENDORS), _line("---", ["---"] * len(VENDORS))]
    for field, (label, reads) in ROWS.items():
        lines.append(_line(label, [reads(getattr(profile, field)) for profile in VENDORS.values()]))
    return "\n".join(lines)


def renewed(page: str) -> str:
    """The page with today's table between its marks.

    Raises:
        ValueError: The marks are missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _line(first: str, others: Sequence[str] | dict[str, Profile]) -> str:
    return f"| {' | '.join([first, *others])} |".replace("|  |", "| |")


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` only look at it."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = renewed(page)
    if "--check" in arguments:
        if page != wanted:
            print(f"{PAGE.name} is behind the profiles: run python tools/provider_table.py")
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
