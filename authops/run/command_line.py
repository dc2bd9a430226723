"""What the words of the command line are: errors as one message, help that explains parameters, paths as meant here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from authops.run import runbook
from authops.words import console, durations
from authops.words.errors import AuthopsError

_RUNS: Final = ("run", "restore")


class Group(click.Group):
    """Turns our errors into one message and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except AuthopsError as error:
            click.echo(console.harmless(f"{type(error).__name__}: {error}"), err=True)
            ctx.exit(error.exit_code)


class Explained(click.Command):
    """Its help lists the parameters of the runbooks that are named beside it, with their meaning."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember the runbooks, for what is told of them."""
        ctx.meta["runbooks"] = [word for word in args if word in runbook.RUNBOOKS]
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each parameter with its meaning."""
        for name in ctx.meta.get("runbooks", ()):
            with formatter.section(f"Parameters of {name}, as -p NAME VALUE"):
                formatter.write_dl(runbook.explained(name))
        if not ctx.meta.get("runbooks"):
            with formatter.section("Parameters"):
                formatter.write_text("name a runbook before --help: authops run preview --help")


def named(connection: str) -> str:
    """A profile file as an absolute path, since the notebook runs in another folder."""
    path = Path(connection)
    return str(path.resolve()) if path.suffix in (".yaml", ".yml") else connection


def absolute(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Paths as they are meant here; the name of a run is one when there is such a folder here."""

    def is_path(name: str, text: str) -> bool:
        return runbook.is_file(name, text) if name in runbook.FILES else name in _RUNS and Path(text).is_dir()

    return [(name, str(Path(text).resolve()) if text and is_path(name, text) else text) for name, text in pairs]


def passed_on(options: dict[str, str | None]) -> list[str]:
    """The options of each tenant's own run; a mistake in one is said once, before any is begun."""
    durations.parse(options["--time-limit"] or "1h"), durations.parse(options["--grace"] or "1h")
    if options["--notify"]:
        from authops.run import notify

        notify.load(Path(options["--notify"]))
        options["--notify"] = str(Path(options["--notify"]).resolve())
    return [word for name, value in options.items() if value for word in (name, value)]
