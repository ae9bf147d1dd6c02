"""`roomkit simulate`: a provider's server on a port of this machine, for any client to talk to without a key.

One subcommand a vendor. What the servers do is `roomkit.testing.simulators`; here are only options and printing. Live,
the agent is the local provider's shop, its engines loaded before anyone is told to dial.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roomkit.errors import RoomKitError

if TYPE_CHECKING:
    from roomkit.testing.simulators.door import Serving
    from roomkit.testing.simulators.elevenlabs.server import ElevenLabsSimulator
    from roomkit.testing.simulators.gemini.server import GeminiSimulator
    from roomkit.testing.simulators.openai.server import OpenAISimulator
    from roomkit.testing.simulators.xai.server import XAISimulator


@click.group()
def simulate() -> None:
    """Run a simulated provider that a vendor's own client takes for the real one."""


Options = Callable[[Callable[..., None]], Callable[..., None]]
_OPTIONS: tuple[Options, ...] = (
    click.option("--log", "is_logging", is_flag=True, help="Print each event, both ways; audio as counts."),
    click.option("--live", "is_live", is_flag=True, help="A real agent listens and answers, on this machine alone."),
    click.option("--script", "script_path", type=click.Path(path_type=Path), help="A .json or .toml file of steps."),
    click.option("--max-connections", type=click.IntRange(0), help="Callers at once; one more gets HTTP 429."),
    click.option(
        "--responses-per-minute", type=click.IntRange(0), help="Answers in any 60 s; one more fails as the vendor's do."
    ),
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65_535), help="0: any free port."),
)


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in _OPTIONS:
        command = option(command)
    return command


@simulate.command("openai")
@_with_options
def simulate_openai(**options: Any) -> None:
    """The OpenAI Realtime API. Each caller gets the script from its beginning; without one, canned answers."""
    from roomkit.testing.simulators.openai.server import OpenAISimulator

    def hints(server: Serving) -> Iterator[str]:
        yield f"OpenAI Realtime simulator: {server.url}?model=gpt-realtime-2.1"
        yield f'OpenAI SDK: AsyncOpenAI(api_key="sk-any", base_url="{server.base_url}")'

    _run(OpenAISimulator, hints, **options)


@simulate.command("gemini")
@_with_options
def simulate_gemini(**options: Any) -> None:
    """The Gemini Live API. Each caller gets the script from its beginning; without one, canned answers."""
    from roomkit.testing.simulators.gemini.server import GeminiSimulator

    def hints(server: Serving) -> Iterator[str]:
        yield f"Gemini Live simulator: {server.url}"
        yield f'RoomKit: GeminiLiveProvider(api_key="any", base_url="{server.base_url}")'

    _run(GeminiSimulator, hints, **options)


@simulate.command("xai")
@_with_options
def simulate_xai(**options: Any) -> None:
    """The voice agent of xAI (Grok). Each caller gets the script from its beginning; without one, canned answers."""
    from roomkit.testing.simulators.xai.server import XAISimulator

    def hints(server: Serving) -> Iterator[str]:
        yield f"xAI voice simulator: {server.url}?model=grok-voice-latest"
        yield f'RoomKit: XAIRealtimeProvider(api_key="xai-any", base_url="{server.url}")'

    _run(XAISimulator, hints, **options)


@simulate.command("elevenlabs")
@_with_options
def simulate_elevenlabs(**options: Any) -> None:
    """An agent of ElevenLabs. Each caller gets the script from its beginning; without one, canned answers."""
    from functools import partial

    from roomkit.testing.simulators.elevenlabs.agent import SimulatedAgent
    from roomkit.testing.simulators.elevenlabs.server import ElevenLabsSimulator

    def hints(server: Serving) -> Iterator[str]:
        yield f"ElevenLabs agents simulator: {server.url}?agent_id=any"
        yield f'ElevenLabs SDK: ElevenLabs(api_key="xi-any", base_url="{server.base_url}")'

    agent = SimulatedAgent(first_message="Hello, this is the shop. How can I help you?") if options["is_live"] else None
    _run(partial(ElevenLabsSimulator, agent=agent), hints, **options)


def _playing(script_path: Path | None, *, is_live: bool) -> dict[str, Any]:
    """What a simulator is made with.

    Raises:
        ConfigError: The script cannot be read.
        MissingExtraError: Live, and the local voice stack is not installed.
    """
    if is_live:
        from roomkit.providers.local.realtime import LocalRealtimeProvider

        return {"live": LocalRealtimeProvider()}
    from roomkit.testing.simulators.script import Script

    def script() -> Script:
        return Script.load(script_path) if script_path else Script()

    script()  # one that cannot be read is reported before anyone dials
    return {"script": script}


def _run(
    simulator: Callable[..., ElevenLabsSimulator | GeminiSimulator | OpenAISimulator | XAISimulator],
    hints: Callable[[Serving], Iterator[str]],
    *,
    port: int,
    host: str,
    script_path: Path | None,
    is_logging: bool,
    is_live: bool,
    max_connections: int | None,
    responses_per_minute: int | None,
) -> None:
    if is_live and script_path is not None:
        raise click.UsageError("--live and --script: an agent that is live follows no script")

    async def serve() -> None:
        playing = _playing(script_path, is_live=is_live)
        limits = {"max_connections": max_connections, "responses_per_minute": responses_per_minute}
        simulated = simulator(**playing, **limits, on_log=click.echo if is_logging else None)
        async with simulated.serve(host=host, port=port) as server:
            for hint in hints(server):
                click.echo(hint)
            click.echo("Stop with Ctrl-C.")
            await asyncio.Event().wait()

    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve())
    except (RoomKitError, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
