"""The command line: thin words over `execute`, `runbook` and `connection`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from authops.run import runbook
from authops.run.command_line import Explained, Group, absolute, named, passed_on
from authops.words import console, durations
from authops.words.errors import AuthopsError, UsageError
from authops.words.places import project, runs_folder, state_folder
from authops.words.redaction import mask_numbers

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(cls=Group, context_settings=_HELP)
@click.version_option(package_name="authops")
def main() -> None:
    """Audit, preview and apply sign-in methods of Entra ID users. Exit codes: see docs/reference.md."""
    console.prepare()


@main.command(cls=Explained)
@click.argument("runbooks", nargs=-1, required=True)
@click.option("--connection", help="Connection profile: a name in parameters/connections, or a file.")
@click.option("-f", "files", multiple=True, type=click.Path(path_type=Path), help="YAML file with parameters.")
@click.option("-p", "pairs", multiple=True, nargs=2, metavar="NAME VALUE", help="One parameter.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="Go on in this run folder instead of a new one.")
@click.option("--resume", metavar="RUN", help="Go on with an apply that was stopped or killed: its folder or its name.")
@click.option("--require-second-person", is_flag=True, help="Whoever made the plan may not have approved it.")
@click.option("--tenants", type=click.Path(path_type=Path), help="YAML file of tenants: run for each of them.")
@click.option("--time-limit", metavar="TIME", help="Ask it to stop after 45m, 2h …; an apply stops cleanly.")
@click.option("--grace", metavar="TIME", default="2m", show_default=True, help="End it this long after the limit.")
@click.option("--notify", metavar="FILE", help="Tell somebody how it ended: YAML file (docs/operations.md).")
def run(
    runbooks: tuple[str, ...],
    connection: str | None,
    files: tuple[Path, ...],
    pairs: tuple[tuple[str, str], ...],
    run_dir: Path | None,
    resume: str | None,
    require_second_person: bool,
    tenants: Path | None,
    time_limit: str | None,
    grace: str,
    notify: str | None,
) -> None:
    """Run RUNBOOKS in order, in one folder.

    They are: tour story audit preview apply verify undo campaign retirement passes cleanup.
    """
    given = [*pairs, ("connection", named(connection))] if connection else list(pairs)
    given += [("require_second_person", "true")] if require_second_person else []
    if tenants and (connection or run_dir or resume):
        raise click.UsageError(
            "--tenants names the connections and makes the folders: leave out --connection, --run-dir and --resume"
        )
    if resume and runbooks[0] != "apply":
        raise click.UsageError("--resume goes on with an apply: authops run apply [verify] --resume RUN")
    with _telling(notify, runbooks) as telling:
        if tenants:
            words = passed_on({"--time-limit": time_limit, "--grace": grace, "--notify": notify})
            sys.exit(_fleet(tenants, runbooks, files, absolute(given), words))
        kept: dict[str, dict[str, Any]] = {}
        if resume:
            from authops.run import folder, outcome

            run_dir, given = folder.find(resume), [("mode", "apply"), *given]
            kept = outcome.given(run_dir, runbooks)
        limits = durations.parse(time_limit) if time_limit else None, durations.parse(grace)
        parameters = runbook.effective(runbooks, files, absolute(given), kept)
        _beforehand(runbooks, parameters, run_dir)
        code = _execute(runbooks, parameters, run_dir, limits, telling)
    sys.exit(code)


def _beforehand(runbooks: tuple[str, ...], parameters: dict[str, dict[str, Any]], folder: Path | None) -> None:
    """What is wrong already is told at once, and leaves no run folder."""
    from authops.run import beforehand

    if folder is not None and not folder.is_dir():
        raise UsageError(f"--run-dir {folder} does not exist", remedy="check the path")
    beforehand.check(runbooks, parameters, folder)


@dataclass
class _Telling:
    """Addresses that nobody may read, and the run folder once there is one."""

    secrets: set[str] = field(default_factory=set)
    folder: Path | None = None


@contextmanager
def _telling(file: str | None, runbooks: tuple[str, ...]) -> Iterator[_Telling]:
    """Tell who is named in the file how it ended, also when it was refused."""
    if file is None:
        yield _Telling()
        return
    from authops.run import notify

    ways = notify.load(Path(file))
    telling = _Telling({secret for way in ways for secret in way.secrets})
    try:
        yield telling
    except Exception as error:
        notify.tell(ways, notify.refused(runbooks, error), console.say)
        raise
    if telling.folder:
        notify.after(telling.folder, ways, console.say)


@main.command()
@click.option("--limit", default=20, show_default=True, help="How many, the latest first; 0 for all.")
@click.option(
    "--open",
    "opened",
    metavar="RUN",
    is_flag=False,
    flag_value="latest",
    help="Show a run's first page in the browser; the latest, or RUN.",
)
def runs(limit: int, opened: str | None) -> None:
    """List earlier runs: how each ended, and whether its apply can be gone on with."""
    from authops.run import runs as earlier

    found = earlier.runs(runs_folder())
    if opened:
        click.launch(earlier.first_page(found, opened).as_uri())
        return
    click.echo(console.harmless(earlier.listing(found[:limit] if limit else found)))


@main.command()
@click.option(
    "--keep",
    required=True,
    metavar="TIME",
    help="Days, weeks or years that full numbers are kept after a run: 90d, 13w …",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
def prune(keep: str, dry_run: bool) -> None:
    """Remove the files with full numbers of old runs; reports stay. Such a run can no longer be undone."""
    from authops.run import prune as pruning
    from authops.run import runs as earlier

    age = durations.age(keep)
    done = pruning.prune(earlier.runs(runs_folder()), keep=age, now=pruning.now(), dry_run=dry_run)
    click.echo("\n".join(pruning.report(done, dry_run=dry_run)))
    sys.exit(int(any(one.failed for one in done)))


@main.command()
@click.argument("runbooks", nargs=-1)
@click.option("--connection", required=True, help="Connection profile: a name in parameters/connections, or a file.")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
def doctor(runbooks: tuple[str, ...], connection: str, as_json: bool) -> None:
    """Say what will work with a connection, for RUNBOOKS or all of them, and what to ask the administrator for."""
    from authops.graph import connection as connections
    from authops.run import doctor as examining
    from authops.run import permissions

    for name in runbooks:
        runbook.notebook(name)
    folders = {"runs folder": runs_folder(), "state folder": state_folder()}
    try:
        profile = connections.load(named(connection))
        seen = examining.examine(profile, runbooks or permissions.ASKING, folders, now=examining.now())
    except AuthopsError:
        raise
    except Exception as error:
        raise UsageError(
            mask_numbers(f"the connection cannot be looked at: {type(error).__name__}: {error}"),
            remedy="correct what it names in the profile, or its path; if it names nothing of yours, report it",
        ) from None
    click.echo(json.dumps(seen.json(), indent=2, ensure_ascii=False) if as_json else examining.screen(seen))
    sys.exit(seen.exit_code)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--note", default="", help="Why, for the record.")
@click.option(
    "--irreversible", type=int, metavar="N", help="How many of them cannot be taken back; asked for otherwise."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def approve(folder: Path, note: str, irreversible: int | None, yes: bool) -> None:
    """Approve all writes of the plan in the run folder FOLDER, as the person who runs this."""
    from authops.plan import plan_file
    from authops.words.author import author

    made = plan_file.load(folder)
    for name, value in (plan_file.seal(made) | {k: f"{v:,}" for k, v in made.counts.items()}).items():
        click.echo(f"  {name:<12}{value}")
    if not yes:
        click.confirm(f"Approve {len(made.writes):,} writes as {author()}?", abort=True)
        if len(made.irreversible) and irreversible is None:
            irreversible = click.prompt("Some of them cannot be taken back. Type how many", type=int)
    by, now, ids = author(), plan_file.utc_now(), list(made.writes["change_id"])
    path = plan_file.approve(made, folder, ids, by=by, now=now, note=note, irreversible=irreversible or 0)
    click.echo(f"approved by {by}: {path}")


@main.command()
@click.option("--users", default=500, show_default=True, help="Size of the demo tenant.")
def demo(users: int) -> None:
    """The whole job on a fresh demo tenant: audit, preview, apply, verify."""
    from authops.graph import connection

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
    from authops.source import wanted_file

    try:
        with file.open("x", encoding="utf-8-sig", newline="") as out:
            out.write(wanted_file.TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{file} is there already", remedy="name another file") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", remedy="name another file") from None
    click.echo(f"{file} written; replace the rows, then: authops run preview -p source {file}")


@main.command()
@click.option("--port", type=int, help="Port of JupyterLab on this machine.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def lab(port: int | None, no_browser: bool) -> None:
    """Open JupyterLab on the notebooks, connected to the demo tenant; only this machine is served."""
    from authops.graph import connection
    from authops.run import lab as starting

    home = connection.start_demo()
    click.echo(f"The demo tenant is up ({home}); the notebooks use it unless they name another connection.")
    root = starting.furnish(runs_folder().parent / "lab", project(), runs_folder())
    click.echo(f"JupyterLab shows {root}: copies of the notebooks and parameters, and the runs.")
    os.environ.update(starting.quiet(root))
    starting.become(starting.command(root, port=port, browser=not no_browser))


@main.group()
def fleet() -> None:
    """Many tenants through a workflow engine: `tasks` before it runs the notebooks, `gather` after."""


@fleet.command()
@click.argument("runbooks", nargs=-1, required=True)
@click.option("--tenants", required=True, type=click.Path(path_type=Path), help="YAML file of tenants.")
@click.option("-f", "files", multiple=True, type=click.Path(path_type=Path), help="YAML file with parameters.")
@click.option("-p", "pairs", multiple=True, nargs=2, metavar="NAME VALUE", help="One parameter.")
@click.option("--folder", type=click.Path(path_type=Path), help="The fleet's folder; else a new one.")
def tasks(
    runbooks: tuple[str, ...],
    tenants: Path,
    files: tuple[Path, ...],
    pairs: tuple[tuple[str, str], ...],
    folder: Path | None,
) -> None:
    """Check the parameters of RUNBOOKS for every tenant, make the folders, print as JSON what papermill needs."""
    from authops.run import fleet as fleets
    from authops.run import folder as folders
    from authops.run.tenants import load

    pairs = tuple(absolute(list(pairs)))
    runbook.effective(runbooks, files, pairs)
    everyone = load(tenants)
    if folder:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folder.resolve() if folder else folders.new_folder(["fleet", *runbooks])
    fleets.prepare(everyone, runbooks, folder)
    found = fleets.tasks(everyone, runbooks, files, pairs, folder)
    click.echo(json.dumps({"folder": str(folder), "tasks": found}))


@fleet.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def gather(folder: Path) -> None:
    """One table of what became of every tenant under FOLDER: fleet.json, fleet.csv, and the worst exit code."""
    sys.exit(_gathered(folder.resolve()))


@main.group()
def tenant() -> None:
    """The demo tenant by hand."""


@tenant.command()
@click.option("--home", type=click.Path(path_type=Path), help="Folder of its state and certificates.")
@click.option("--users", type=int, help="How many users a new tenant has (500).")
@click.option("--seed", type=int, help="Which people a new tenant has.")
@click.option(
    "--population", type=click.Choice(["2025", "2026"]), help="The people of which year a new tenant has (2025)."
)
@click.option("--port", default=0, help="Port to listen on; 0 takes a free one.")
@click.option("--latency", type=float, help="Seconds that every request takes on its way.")
@click.option("--throttle", type=click.Choice(["off", "documented"]), help="Whether Graph's limits are kept.")
@click.option("--faults", type=click.Path(path_type=Path), help="YAML file of weather (docs/demo-tenant.md).")
def serve(**options: Any) -> None:
    """Run the demo tenant in the foreground; prints a connection profile."""
    from authops.graph import connection

    connection.serve_demo(**options)


@tenant.command()
def stop() -> None:
    """Stop the demo tenant that runs in the background."""
    from authops.graph import connection

    connection.stop_demo()


def _fleet(
    tenants: Path,
    runbooks: tuple[str, ...],
    files: tuple[Path, ...],
    pairs: list[tuple[str, str]],
    words: list[str],
) -> int:
    from authops.run import fleet as fleets
    from authops.run import folder as folders
    from authops.run.tenants import load

    runbook.effective(runbooks, files, pairs)
    everyone = load(tenants)
    folder = folders.new_folder(["fleet", *runbooks])
    console.say(f"Run folder {folder} ({len(everyone.all):,} tenants, {everyone.at_once} at once)")
    fleets.prepare(everyone, runbooks, folder)
    words += [word for file in files for word in ("-f", str(file.resolve()))]
    words += [word for pair in pairs for word in ("-p", *pair)]
    fleets.run_all(everyone, runbooks, words, folder, console.say)
    return _gathered(folder)


def _gathered(folder: Path) -> int:
    from authops.run import fleet as fleets

    whole, code = fleets.gather(folder)
    console.say(f"\n{fleets.shown(whole)}\n  folder  {folder}\n  table   {folder / 'fleet.csv'}")
    return code


def _execute(
    runbooks: list[str] | tuple[str, ...],
    parameters: dict[str, dict[str, object]],
    folder: Path | None,
    limits: tuple[float | None, float] = (None, 120.0),
    telling: _Telling | None = None,
) -> int:
    from authops.run import folder as folders
    from authops.run.execute import execute

    folder = folder.resolve() if folder else folders.new_folder(runbooks)
    console.say(f"Run folder {folder}")
    telling = telling or _Telling()
    limit, grace = limits
    secrets = telling.secrets
    code = execute(runbooks, parameters, folder, console.say, time_limit=limit, grace=grace, secrets=secrets)
    telling.folder = folder
    return code


if __name__ == "__main__":
    main()
