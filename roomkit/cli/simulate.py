"""`roomkit simulate`: a provider's server on a port of this machine, for any client to talk to without a key.

One subcommand a vendor. What the servers do is `roomkit.testing.simulators`; here are only options and printing.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import click

from roomkit.errors import RoomKitError


@click.group()
def simulate() -> None:
    """Run a simulated provider that a vendor's own client takes for the real one."""


@simulate.command("openai")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65_535), help="0: any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--script", "script_path", type=click.Path(path_type=Path), help="A .json or .toml file of steps.")
@click.option("--log", "is_logging", is_flag=True, help="Print each event, both ways; audio as counts.")
def simulate_openai(port: int, host: str, script_path: Path | None, *, is_logging: bool) -> None:
    """The OpenAI Realtime API. Each caller gets the script from its beginning; without one, canned answers."""
    from roomkit.testing.simulators.openai.server import OpenAISimulator
    from roomkit.testing.simulators.script import Script

    def script() -> Script:
        return Script.load(script_path) if script_path else Script()

    async def run() -> None:
        async with OpenAISimulator(script, on_log=click.echo if is_logging else None).serve(
            host=host, port=port
        ) as server:
            click.echo(f"OpenAI Realtime simulator: {server.url}?model=gpt-realtime-2.1")
            click.echo(f'OpenAI SDK: AsyncOpenAI(api_key="sk-any", base_url="{server.base_url}")')
            click.echo("Stop with Ctrl-C.")
            await asyncio.Event().wait()

    try:
        script()  # a script that cannot be read is reported before anyone dials
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(run())
    except (RoomKitError, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
