"""The command line: thin words over `execute`, `runbook` and `connection`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from authops import runbook
from authops.errors import AuthopsError, UsageError
from authops.places import project

_HELP = {"help_option_names": ["-h", "--help"]}


class _Group(click.Group):
    """Turns our errors into one message and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AuthopsError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings=_HELP)
@click.version_option(package_name="authops")
def main() -> None:
    """Audit, preview and apply sign-in methods of Entra ID users. Exit codes: see docs/reference.md."""


@main.command()
@click.argument("runbooks", nargs=-1, required=True)
@click.option("--connection", help="Connection profile: a name in parameters/connections, or a file.")
@click.option("-f", "files", multiple=True, type=click.Path(path_type=Path), help="YAML file with parameters.")
@click.option("-p", "pairs", multiple=True, nargs=2, metavar="NAME VALUE", help="One parameter.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="Go on in this run folder instead of a new one.")
@click.option("--resume", metavar="RUN", help="Go on with an apply that was stopped or killed: its folder or its name.")
@click.option("--require-second-person", is_flag=True, help="Whoever made the plan may not have approved it.")
def run(
    runbooks: tuple[str, ...],
    connection: str | None,
    files: tuple[Path, ...],
    pairs: tuple[tuple[str, str], ...],
    run_dir: Path | None,
    resume: str | None,
    require_second_person: bool,
) -> None:
    """Run RUNBOOKS (audit preview apply verify undo) headlessly, in order, into one run folder."""
    given = [*pairs, ("connection", _named(connection))] if connection else list(pairs)
    given += [("require_second_person", "true")] if require_second_person else []
    if resume:
        run_dir, given = _resumed(resume, runbooks), [("mode", "apply"), *given]
    parameters = runbook.effective(runbooks, files, _absolute(given))
    sys.exit(_execute(runbooks, parameters, run_dir))


def _resumed(name: str, runbooks: tuple[str, ...]) -> Path:
    from authops.run import find

    if runbooks[0] != "apply":
        raise click.UsageError("--resume goes on with an apply: authops run apply [verify] --resume RUN")
    return find(name)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--note", default="", help="Why, for the record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def approve(folder: Path, note: str, yes: bool) -> None:
    """Approve all writes of the plan in the run folder FOLDER, as the person who runs this."""
    from authops import plan_file
    from authops.run import author

    made = plan_file.load(folder)
    for name, value in (plan_file.seal(made) | {k: f"{v:,}" for k, v in made.counts.items()}).items():
        click.echo(f"  {name:<12}{value}")
    if not yes:
        click.confirm(f"Approve {len(made.writes):,} writes as {author()}?", abort=True)
    by, now = author(), plan_file.utc_now()
    path = plan_file.approve(made, folder, list(made.writes["change_id"]), by=by, now=now, note=note)
    click.echo(f"approved by {by}: {path}")


@main.command()
@click.option("--users", default=500, show_default=True, help="Size of the demo tenant.")
def demo(users: int) -> None:
    """The whole job on a fresh demo tenant: audit, preview, apply, verify."""
    from authops import connection

    started = Path(tempfile.mkdtemp(prefix="authops-demo-"))
    click.echo(f"Starting a demo tenant with {users:,} users …")
    os.environ["AUTHOPS_DEMO_HOME"] = str(started)
    connection.start_demo(users=users)
    try:
        runbooks = list(runbook.WHOLE_JOB)
        file = project() / "parameters" / "onboarding.yaml"
        code = _execute(runbooks, runbook.effective(runbooks, [file], [("connection", "demo")]), None)
    finally:
        connection.stop_demo()
        shutil.rmtree(started, ignore_errors=True)
    sys.exit(code)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def template(file: Path) -> None:
    """Write an example CSV to FILE: a row for each thing a row can say. It is valid input; the people are invented."""
    from authops import source

    try:
        with file.open("x", encoding="utf-8-sig", newline="") as out:
            out.write(source.TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{file} is there already", remedy="name another file") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", remedy="name another file") from None
    click.echo(f"{file} written; replace the rows, then: authops run preview -p source {file}")


@main.command()
@click.option("--port", type=int, help="Port of JupyterLab on this machine.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def lab(port: int | None, no_browser: bool) -> None:
    """Open JupyterLab on the notebooks, connected to the demo tenant."""
    from authops import connection

    home = connection.start_demo()
    click.echo(f"The demo tenant is up ({home}); the notebooks use it unless they name another connection.")
    where = project() / "notebooks"
    words = [sys.executable, "-m", "jupyter", "lab", f"--ServerApp.root_dir={where}"]
    words += [f"--ServerApp.port={port}"] if port else []
    words += ["--no-browser"] if no_browser else []
    words += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    os.execv(words[0], words)


@main.group()
def tenant() -> None:
    """The demo tenant by hand."""


@tenant.command()
@click.option("--home", type=click.Path(path_type=Path), help="Folder of its state and certificates.")
@click.option("--users", type=int, help="How many users a new tenant has (500).")
@click.option("--seed", type=int, help="Which people a new tenant has.")
@click.option("--port", default=0, help="Port to listen on; 0 takes a free one.")
@click.option("--latency", type=float, help="Seconds that every request takes on its way.")
@click.option("--throttle", type=click.Choice(["off", "documented"]), help="Whether Graph's limits are kept.")
@click.option("--faults", type=click.Path(path_type=Path), help="YAML file of weather (docs/demo-tenant.md).")
def serve(**options: Any) -> None:
    """Run the demo tenant in the foreground; prints a connection profile."""
    from authops import connection

    connection.serve_demo(**options)


@tenant.command()
def stop() -> None:
    """Stop the demo tenant that runs in the background."""
    from authops import connection

    connection.stop_demo()


def _named(connection: str) -> str:
    """A profile file as an absolute path, since the notebook runs in another folder."""
    path = Path(connection)
    return str(path.resolve()) if path.suffix in (".yaml", ".yml") or path.exists() else connection


def _absolute(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(n, str(Path(v).resolve()) if n in runbook.FILES and runbook.is_file(n, v) else v) for n, v in pairs]


def _execute(
    runbooks: list[str] | tuple[str, ...], parameters: dict[str, dict[str, object]], folder: Path | None
) -> int:
    from authops import run as runs
    from authops.execute import execute

    if folder is not None and not folder.is_dir():
        raise click.UsageError(f"--run-dir {folder} does not exist")
    folder = folder.resolve() if folder else runs.new_folder(runbooks)
    click.echo(f"Run folder {folder}")
    return execute(runbooks, parameters, folder, click.echo)


if __name__ == "__main__":
    main()
