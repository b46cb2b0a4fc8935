"""The command line: a table of verbs, and the one place where errors become exit codes.

Exit codes: 0 pass, 1 fail or findings, 2 usage (also a name that is not here) or invalid file, 3
inconclusive, 4 evidence missing, damaged or not obtainable (a candidate that fails, a hub that
cannot be reached); 130 interrupted, 141 the reader of our output went away, 143 ended by SIGTERM.
Invariants (tested): `--help` imports click and this table only; a person's mistake never shows a
traceback; no failure of any kind ends in 0 or in 1, the codes that mean a decision was made.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, NoReturn

import click

from lexgate import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["JSON", "VERBS", "Verbs", "cli", "main"]

JSON = "lexgate.json"  # key of `Context.meta`: the person asked for one object on stdout
_INTERRUPTED = 128 + 2  # as shells report SIGINT
_READER_GONE = 128 + 13  # as shells report SIGPIPE
_TERMINATED = 128 + 15  # as shells report SIGTERM
_NO_EVIDENCE = 4  # for whatever went wrong that nobody foresaw
_EXTRAS = {
    "torch": "hf",
    "transformers": "hf",
    "tokenizers": "hf",
    "lm_eval": "lm-eval",
    "streamlit": "app",
    "pysat": "sat",
}


VERBS = {  # verb -> what `--help` says of it, without importing anything
    "demo": "The whole job, offline: four built-in candidates, four decisions.",
    "init": "Write a workspace: constitution, suite, policy, CI job.",
    "check": "Check constitutions, suites and policies: every mistake at once.",
    "show": "Show a principle's prompts as a critic sees them, with their length.",
    "compile": "Compile a constitution for critics, for other tools, or for people.",
    "import": "Read a constitution out of another system's files.",
    "diff": "Tell what changed between two constitutions, and the bump it demands.",
    "lock": "Write down what every cited constitution stands for.",
    "eval": "Run a suite on a candidate model; print the run's id.",
    "judge": "Judge exchanges that already exist.",
    "gate": "Decide about a run: pass, fail, inconclusive or error.",
    "review": "Open the review pages in a browser.",
    "doctor": "Say what this machine can run, and what is missing.",
}


class _ReaderGoneError(Exception):
    """Stdout leads nowhere; under this name, for click turns a broken pipe into exit code 1."""


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM: whoever handles Ctrl-C handles this too, and has as long as they need."""


class Verbs(click.Group):
    """The lazy group: verbs come from the table and are imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command = import_module(f"lexgate.app.commands.{module}").command
        if not isinstance(command, click.Command):
            message = f"lexgate.app.commands.{module}.command is no command"
            raise TypeError(message)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(_unknown_verb(name), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError as error:  # `--help | head`
            raise _ReaderGoneError from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError as error:
            raise _ReaderGoneError from error
        except Exception as error:  # noqa: BLE001  the last place before a person sees a traceback
            return _fail(error, as_json=bool(ctx.meta.get(JSON)))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        def run() -> Any:
            return start(args, prog_name, complete_var, standalone_mode=False, **extra)

        start = super().main
        if not standalone_mode:
            return run()
        as_json = "--json" in (sys.argv[1:] if args is None else args)
        return sys.exit(_guarded(run, as_json=as_json))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 pass, 1 fail or findings, 2 usage or invalid file, 3 inconclusive, "
    "4 evidence missing, damaged or not obtainable. Models are named provider/name: hf/PATH, demo/careful.",
)
@click.version_option(__version__, "-V", "--version", prog_name="lexgate")
def cli() -> None:
    """Decide, with evidence, whether a model may be promoted.

    Start with `lexgate demo`, or with `lexgate init` for a workspace of your own.
    """


def main() -> None:
    """Run the command line on this process's arguments, and exit."""
    _open_streams()
    signal.signal(signal.SIGTERM, _terminate)
    cli.main(prog_name="lexgate")


def _open_streams() -> None:
    """Give a process that was started without standard streams somewhere to write.

    Else the first file it opens takes the number of one of them, and what is printed goes into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _terminate(_number: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut the clean-up short
    raise _TerminatedError


def _guarded(run: Callable[[], Any], *, as_json: bool) -> int:
    """Run a verb and turn whatever ends it into an exit code; none ends as if it had failed."""
    try:
        return _ended(run, as_json=as_json)
    except OSError as error:  # a full or broken stdout or stderr: nobody read the answer
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                # Else the interpreter would flush once more on its way out, and complain.
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        gone = isinstance(error, BrokenPipeError)
        return _READER_GONE if gone else _NO_EVIDENCE


def _ended(run: Callable[[], Any], *, as_json: bool) -> int:
    try:
        code = run()
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        verb = getattr(getattr(error, "ctx", None), "command_path", "lexgate")
        lines = [f"error: {error.format_message()}", f"    hint: {verb} --help"]
        return _tell(lines, error.exit_code, as_json=as_json)
    except (KeyboardInterrupt, click.Abort) as error:
        # Click turns the one into its `Abort`, whose cause it is.
        ended = any(isinstance(cause, _TerminatedError) for cause in (error, error.__cause__))
        click.echo("terminated" if ended else "interrupted", err=True)
        return _TERMINATED if ended else _INTERRUPTED
    except _ReaderGoneError as error:
        raise BrokenPipeError from error
    if not isinstance(code, int):
        # A verb that forgets its exit code must not read as a pass.
        click.echo(f"error: the verb ended with {code!r}, no exit code", err=True)
        return _NO_EVIDENCE
    return code


def _fail(error: Exception, *, as_json: bool) -> int:
    """Tell a person what went wrong: on stderr always, on stdout too where an object was asked."""
    if os.environ.get("LEXGATE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    lines, code = _explain(error)
    return _tell(lines, code, as_json=as_json)


def _tell(lines: list[str], code: int, *, as_json: bool) -> int:
    for line in lines:
        click.echo(line, err=True)
    if as_json:
        import json

        message = "\n".join(line.removeprefix("error: ") for line in lines)
        problem = {"message": message, "exit_code": code}
        click.echo(json.dumps({"error": problem}, ensure_ascii=False))
        sys.stdout.flush()
    return code


def _explain(error: Exception) -> tuple[list[str], int]:
    # Messages quote files and models, and both may hold terminal escapes.
    from lexgate._text import printable
    from lexgate.errors import InvalidFile, LexgateError

    def safe(text: str) -> list[str]:
        return [printable(line, 1000) for line in text.split("\n")]

    if isinstance(error, InvalidFile):
        count = len(error.problems)
        return [*safe(str(error)), f"error: {count} problem{'s' * (count != 1)}"], error.exit_code
    if isinstance(error, LexgateError):
        return safe(f"error: {error}"), error.exit_code
    if isinstance(error, ModuleNotFoundError) and (extra := _EXTRAS.get(error.name or "")):
        hint = f"    hint: pip install 'lexgate[{extra}]'"
        return [f"error: this needs {error.name}, which is not installed", hint], 2
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return safe(f"error: {where}{error.strerror}"), _NO_EVIDENCE
    kind = type(error).__name__
    hint = "    hint: set LEXGATE_DEBUG=1 for the traceback; this is a bug of lexgate"
    return [*safe(f"error: unexpected {kind}: {error}")[:1], hint], _NO_EVIDENCE


def _unknown_verb(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, VERBS, 1)
    meant = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(VERBS)}."
    return f"no such verb '{name}': {meant}"
