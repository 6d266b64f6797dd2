"""The command line: thin, one module a command group, each imported when it is called."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click

from reconciler.cli.fromenv import formats_in, with_variables
from reconciler.version import __version__

__all__ = ["main"]

COMMANDS = {
    "init": ("stacks", "Make a working stack to start from."),
    "validate": ("stacks", "Check a stack's YAML, offline."),
    "plan": ("runs", "Show what would change; change nothing."),
    "apply": ("runs", "Make the account as the stack says."),
    "wait": ("wait", "Look until what `apply --no-wait` started is ready."),
    "drift": ("runs", "Show what was changed outside git."),
    "watch": ("watch", "Look for drift again and again, and tell of it."),
    "destroy": ("runs", "Delete everything that a stack has made."),
    "show": ("runs", "Show a saved plan again."),
    "import": ("account", "Take over one object that is in the account."),
    "export": ("account", "Write the account as a new stack, and change nothing."),
    "output": ("output", "Tell ids and facts of what was made, for scripts."),
    "runs": ("history", "Look at who changed what, and when."),
    "state": ("states", "Look into the state, and mend it."),
    "check": ("check", "Hold what searches find against what they should."),
    "search": ("search", "Search an index, as applications do."),
    "results": ("results", "Look at what was made from media."),
    "publish": ("publish", "Tell what a run came to: a comment, an issue, a summary."),
    "fetch-plan": ("publish", "Fetch the plan of the pull request that was merged."),
    "graph": ("graphs", "Draw what a stack declares, and what refers to what."),
    "explain": ("stacks", "Say what can be declared, and what a change of it does."),
    "schema": ("stacks", "Print the JSON Schema of a stack, for editors."),
    "emulate": ("emulate", "Serve a fake of the API, to try everything offline."),
    "completion": ("shells", "Print what makes a shell complete commands and addresses."),
    "version": ("shells", "Say which version this is."),
}
"""command → (its module, what help says): help imports none of the modules."""
WITH_PASSWORDS = ("_PROXY", "RECONCILER_STATE")
"""Ends of the names of variables that hold a URL, and perhaps a password in it."""
MEANT = {
    "diff": "plan",
    "preview": "plan",
    "dry-run": "plan",
    "up": "apply",
    "deploy": "apply",
    "sync": "apply",
    "push": "apply",
    "refresh": "drift",
    "status": "drift",
    "check": "validate",
    "lint": "validate",
    "down": "destroy",
    "rm": "destroy",
    "delete": "destroy",
    "remove": "destroy",
    "outputs": "output",
    "ls": "state list",
    "list": "state list",
    "mv": "state mv",
    "rename": "state rename",
    "unlock": "state unlock",
    "force-unlock": "state unlock",
    "adopt": "import",
    "dump": "export",
    "pull": "export",
    "new": "init",
    "help": "--help",
}
"""What people type who come from other tools → what it is called here. Nothing is run: a guess must not write."""
OBJECTS_BEFORE_GARBAGE = 2_000_000
"""So many objects more than before are made until cycles are looked for among them. A run makes its objects and keeps
them; by Python's own figure (700) a fifth of its time would go into looking through them again and again."""
FUNCTIONS = {"import": "import_", "fetch-plan": "fetch_plan"}
"""Where the function cannot have the command's name."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"reconciler.cli.{module}"), FUNCTIONS.get(cmd_name, cmd_name))
        return with_variables(command, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = [MEANT[args[0]]] if args[0] in MEANT else get_close_matches(args[0], COMMANDS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; see `reconciler --help`"
            raise click.UsageError(f"there is no command {args[0]!r}{hint}")
        # `--emulator[=FILE]`: without this click would take the PATH after a bare --emulator for the FILE.
        return super().resolve_command(ctx, [f"{arg}=" if arg == "--emulator" else arg for arg in args])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="reconciler %(version)s")
def cli() -> None:
    """Keep a video-AI account in step with YAML in git.

    A stack is a directory of YAML files (or one file) that declares indexes, assets, entity collections, entities and
    their metadata. `plan` shows the difference to the account, `apply` makes it so, `drift` reports what was changed
    by hand. Every command takes --emulator to try it offline, without a key.

    \b
    Exit codes: 0 done or in sync · 1 error · 2 changes or drift · 3 refused by a guard
    4 state locked · 5 not authorised · 6 stale plan · 7 applied in part · 8 a check failed
    9 awaited · 130 interrupted
    """


@contextmanager
def _secrets_of_one_command() -> Iterator[None]:
    from reconciler.redact import forget

    try:
        yield
    finally:
        forget()


@_secrets_of_one_command()
def main() -> None:
    """The entry point: what was foreseen becomes a message and its exit code, never a traceback."""
    # pydantic looks through all packages of the environment for what would look into its models, and none is wanted.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    gc.set_threshold(OBJECTS_BEFORE_GARBAGE, *gc.get_threshold()[1:])
    # At its end Python would look for cycles among all objects, several times, before the system takes all of it back.
    atexit.register(gc.freeze)
    from reconciler.cli.signals import interruptible
    from reconciler.cli.streams import held

    with held(sys.argv) as out:
        with interruptible():
            code = _run()
        sys.stdout.flush()
        if out.lost:
            _tell(f"standard output: {out.lost}; what was done is done")
            code = code if code not in (0, 2) else 1
    sys.exit(code)


def _run() -> int:
    from reconciler.errors import ReconcilerError
    from reconciler.redact import learn, passwords_in

    learn(*passwords_in(*(value for name, value in os.environ.items() if name.upper().endswith(WITH_PASSWORDS))))
    try:
        result = cli.main(prog_name="reconciler", standalone_mode=False, color=_colour())
    except click.ClickException as error:
        error.show()
        return 1
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130
    except ReconcilerError as error:
        if form := _wanted(sys.argv):
            _tell_in(form, error)
        _tell(error)
        return error.exit_code
    except MemoryError:
        _tell("there is not enough memory for this")
        return 1
    except OSError as error:
        _tell(_explained(error))
        return 1
    return result if isinstance(result, int) else 0


def _explained(error: OSError) -> str:
    """What the system said, of what, and what to do where that is known."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        warnings.filterwarnings("ignore", ".* was never awaited", RuntimeWarning)  # for want of an event loop
        return f"{error.strerror}: raise the limit (`ulimit -n`), or give a lower --parallelism"
    try:
        Path.cwd()
    except OSError:
        return "the current directory is gone; change to another, or give the PATH of the stack in full"
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"


def _tell(error: Exception | str) -> None:
    """One line for each problem, on standard error."""
    label = click.style("Error: ", fg="red", bold=True)
    for line in str(error).splitlines() or [type(error).__name__]:
        click.echo(label + line, err=True, color=_colour())


def _wanted(argv: list[str]) -> str | None:
    """The format that was asked for, if it is one that errors are told in too."""
    from reconciler.cli.formats import FORMATS

    return next((form for form in formats_in(argv) if form in FORMATS and form != "text"), None)


def _tell_in(form: str, error: Exception) -> None:
    """Who reads standard output gets what went wrong in the format that was asked for, so that nobody keeps the report
    of yesterday. A refusal is out already: a plan that is refused is still one."""
    from reconciler.cli.formats import Look, rendered
    from reconciler.cli.telling import failed
    from reconciler.errors import Refused

    if not isinstance(error, Refused):
        click.echo(rendered(form, failed(error, Path()), Look()))


def _colour() -> bool | None:
    """False where it is not wanted (https://no-color.org), True where it is asked for (https://force-color.org), else
    None: as the terminal is."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None
