"""The `roomkit` command. Each subcommand lives in a module of its own, loaded when it is asked for.

So `roomkit --help` stays instant, and a missing extra is the concern of the one command that needs it.
"""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "demo": ("roomkit.cli.demo", "Talk to an agent: on a page, or with a recording as the caller."),
    "simulate": ("roomkit.cli.simulate", "Run a simulated provider that a vendor's own client takes for the real one."),
}
"""By name: the module, which holds the command under the same name, and its line in ``--help``."""


class LazyGroup(click.Group):
    """A group whose commands are modules named in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See `click.Group`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See `click.Group`."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.{cmd_name} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `click.Group`; the lines come from the table, so that no module is loaded."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(package_name="roomkit")
def main() -> None:
    """Voice agents and people in one conversation."""
