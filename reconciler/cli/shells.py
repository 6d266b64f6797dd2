"""completion and version: what a shell and a script ask of the command itself."""

from __future__ import annotations

import platform

import click

from reconciler.version import __version__

__all__ = ["completion", "version"]

VARIABLE = "_RECONCILER_COMPLETE"
"""By it a shell asks for completions, as click has it."""
WHERE = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/reconciler.fish"}


@click.command()
@click.argument("shell", type=click.Choice([*WHERE]))
def completion(shell: str) -> int:
    """Print the script that makes SHELL complete commands, options and, out of a stack's YAML, addresses.

    \b
    reconciler completion bash >> ~/.bashrc
    reconciler completion zsh >> ~/.zshrc
    reconciler completion fish > ~/.config/fish/completions/reconciler.fish
    """
    from click.shell_completion import get_completion_class

    from reconciler.cli import cli

    found = get_completion_class(shell)
    assert found is not None
    # Of click's script for bash only the text is taken: to make one it would run bash, to ask for its version.
    script = found(cli, {}, "reconciler", VARIABLE)
    click.echo(script.source_template % script.source_vars())
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: also Python, and the formats that are written.")
def version(as_json: bool) -> int:
    """Say which version this is.

    \b
    reconciler version
    reconciler version --json
    """
    if not as_json:
        click.echo(f"reconciler {__version__}")
        return 0
    from reconciler.provider import names
    from reconciler.reports.json import FORMAT_VERSION, dumps
    from reconciler.state.migrations import CURRENT

    told = {"version": __version__, "format_version": FORMAT_VERSION, "state_schema": CURRENT}
    where = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    click.echo(dumps({**told, "providers": list(names()), **where}))
    return 0
