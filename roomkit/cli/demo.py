"""`roomkit demo`: serve the page, or be the caller oneself with a recording.

Not in here: the server and the caller (`roomkit.app`); this is options, printing and exit codes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import webbrowser
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import click

from roomkit._extras import installed
from roomkit.errors import ConfigError, RoomKitError

DEFAULT_PORT = 8000


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65_535), help="0: any free port."
)
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.option("--store", "store_path", type=click.Path(path_type=Path), help="SQLite file of the conversations.")
@click.option("--caller", "recording", type=click.Path(path_type=Path), help="Play this WAV as the caller; no browser.")
@click.option("--sample", is_flag=True, help="As --caller, with the sample that comes along.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("answer.wav"), show_default=True,
              help="With --caller: where what the agent said goes.")  # fmt: skip
@click.option("--url", help="With --caller: call this ws:// address instead of a server of our own.")
def demo(
    host: str,
    port: int,
    no_browser: bool,
    store_path: Path | None,
    recording: Path | None,
    sample: bool,
    out: Path,
    url: str | None,
) -> None:
    """Talk to an agent: on a page, or with a recording as the caller."""
    try:
        if recording is None and not sample:
            if url is not None:
                raise ConfigError("--url says whom to call: it needs --caller FILE.wav or --sample")
            with contextlib.suppress(KeyboardInterrupt):
                _run(_serve_page(host, port, store_path, open_browser=not no_browser))
            return
        heard = _run(_call(recording or _sample(), out, url, store_path))
    except RoomKitError as problem:
        raise click.ClickException(str(problem)) from problem
    except KeyboardInterrupt as stop:
        raise click.exceptions.Exit(130) from stop
    if not heard:
        raise click.exceptions.Exit(1)


async def _serve_page(host: str, port: int, store_path: Path | None, *, open_browser: bool) -> None:
    from roomkit.app.demo import build_demo
    from roomkit.app.server import address_of, bind, serving
    from roomkit.voice.backends.websocket_doors import is_loopback

    built = build_demo(store_path=store_path, loopback_only=is_loopback(host))
    listener = bind(host, port)
    url = f"http://{address_of(listener)}/"
    if not is_loopback(host):
        warning = f"WARNING: everybody who can reach {host} can talk to this agent, on your account if it has one."
        click.secho(warning, fg="yellow", bold=True, err=True)
        click.echo("Browsers give a microphone to https and localhost only; put a TLS proxy in front.", err=True)
    async with serving(built.app, listener) as server:
        click.echo(f"{built.agent.label}. Open {click.style(url, bold=True)} and talk. Stop with Ctrl-C.")
        if open_browser and _has_display():
            await asyncio.to_thread(webbrowser.open, url)
        await server


async def _call(recording: Path, out: Path, url: str | None, store_path: Path | None) -> bool:
    from roomkit.app.caller import place_call
    from roomkit.voice.audio.wav import read_wav, write_wav

    pcm, rate_hz = await asyncio.to_thread(read_wav, recording)
    transcript = Printer(is_terminal=sys.stdout.isatty())
    server = contextlib.nullcontext(url) if url else _own_server(store_path)
    async with server as address:
        outcome = await place_call(address, pcm, rate_hz, tell=transcript.line)
    if not outcome.heard_answer:
        click.echo(f"Error: no answer was heard ({outcome.why})", err=True)
        return False
    await asyncio.to_thread(write_wav, out, outcome.answer, outcome.rate_hz)
    seconds = len(outcome.answer) / 2 / outcome.rate_hz
    click.echo(f"The agent's {seconds:.1f} s are in {out}.")
    return True


@contextlib.asynccontextmanager
async def _own_server(store_path: Path | None) -> AsyncIterator[str]:
    """The same server as for the page, on a free port of this machine; yields the address to call."""
    from roomkit.app.demo import build_demo
    from roomkit.app.server import address_of, bind, serving

    built = build_demo(store_path=store_path)
    listener = bind("127.0.0.1", 0)
    async with serving(built.app, listener):
        yield f"ws://{address_of(listener)}/voice"


class Printer:
    """Prints a conversation as it happens; what is not final yet is shown on a terminal only, and overwritten."""

    def __init__(self, *, is_terminal: bool) -> None:
        self._is_terminal = is_terminal
        self._columns_shown = 0

    def line(self, line: Any) -> None:
        text = f"{line.at_ms / 1000:7.2f} s  {line.who:<5}  {line.text}"
        if not line.is_final:
            if self._is_terminal:
                self._overwrite(text[: _columns() - 1])
            return
        if self._columns_shown:
            self._overwrite("")
            self._columns_shown = 0
            click.echo("\r", nl=False)
        click.echo(text)

    def _overwrite(self, text: str) -> None:
        click.echo("\r" + text.ljust(self._columns_shown), nl=False)
        self._columns_shown = len(text)


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _sample() -> Path:
    from roomkit.app.demo import bundled_sample

    sample = bundled_sample()
    if sample is None:
        raise ConfigError("this installation has no spoken sample; play one of yours with --caller FILE.wav")
    return sample


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    """On uvloop where it is installed."""
    loop_factory = None
    if installed("uvloop"):
        import uvloop

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)
