"""docs/schedule: every example parses as its own kind, runs commands that exist, and holds no secret."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from authops.__main__ import main
from authops.demo import ensure, stop
from authops.run import runbook
from tests.homes import furnished

HERE = Path(__file__).parents[2] / "docs" / "schedule"
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
EXAMPLES = sorted(p for p in HERE.rglob("*") if p.is_file() and p.suffix != ".pyc")
# What only another organisation's own files say.
THEIRS = re.compile(r"^(/etc/authops|C:/ProgramData/authops|connections|parameters)/")


def container_words(path: Path) -> list[str]:
    container = yaml.safe_load(path.read_text())["properties"]["template"]["containers"][0]
    return ["authops", *container["args"]]


def commands(path: Path) -> list[list[str]]:
    """The words of every call of authops in an example."""
    text = path.read_text("utf-8")
    if path.parent.name == "azure-container-apps":
        return [container_words(path)]
    if path.suffix == ".xml":
        return [["authops", *shlex.split(re.findall("<Arguments>(.+)</Arguments>", text)[0].replace("\\", "/"))]]
    if path.suffix == ".env":
        return [["authops", *shlex.split(re.findall("^AUTHOPS_COMMAND=(.+)", text, re.MULTILINE)[0])]]
    lines = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    if path.parent.name == "github" and path.suffix == ".yml":
        lines = "\n".join(
            step["run"] for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"] if "run" in step
        )
    found = re.findall(r"(?:^|[ /])authops ((?:run|doctor|prune|fleet)\b.+)", lines, re.MULTILINE)
    return [["authops", *shlex.split(words)] for words in found]


CALLING = {
    str(p.relative_to(HERE)): commands(p)
    for p in EXAMPLES
    if p.parent.name in ("cron", "systemd", "windows", "github", "azure-devops", "azure-container-apps")
    if p.suffix in ("", ".env", ".xml", ".yml", ".yaml")
    if commands(p)
}
ALL = [(name, words) for name, calls in CALLING.items() for words in calls]


def parsed(words: list[str]) -> click.Context:
    """Refuses an option or a command that there is not."""
    context, rest = main.make_context("authops", list(words[1:])), words[1:]
    name, command, rest = main.resolve_command(context, rest)
    assert command is not None
    return command.make_context(name, list(rest), parent=context)


def test_each_way_covers_the_audit_the_sync_and_the_certificate() -> None:
    ways: dict[str, set[str]] = {}
    for name, words in ALL:
        ways.setdefault(name.partition("/")[0], set()).add(" ".join(words[1:5] if "apply" in words else words[1:3]))
    assert set(ways) == {"cron", "systemd", "windows", "github", "azure-devops", "azure-container-apps"}
    for way, calls in ways.items():
        assert {"run audit", "run preview apply verify", "doctor --connection"} <= calls, way


@pytest.mark.parametrize(("name", "words"), ALL, ids=[f"{n}-{w[1]}-{w[2]}" for n, w in ALL])
def test_every_command_is_one_that_there_is(name: str, words: list[str]) -> None:
    given = parsed(words).params
    assert THEIRS.match(given["connection"]) if "connection" in given else words[1] == "prune"
    if words[1] != "run":
        return
    assert given["time_limit"], "an unattended run has an end"
    writes = "apply" in given["runbooks"]
    assert writes == (("mode", "apply") in given["pairs"])
    if writes:
        (file,) = given["files"]
        assert THEIRS.match(str(file))
        assert Path(file).name == "profile-sync.yaml"
    ours = [ROOT / "parameters" / Path(file).name for file in given["files"]]
    runbook.effective(given["runbooks"], ours, [*given["pairs"]])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: str(p.relative_to(HERE)))
def test_no_example_holds_a_secret_or_names_a_registry(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(
        r"client.?secret|password\s*[:=]|BEGIN [A-Z ]*PRIVATE|eyJ[\w-]{8}|SharedAccess|AccountKey", text, re.I
    )
    assert not re.search(
        r"\b(docker|ghcr|quay|gcr|mcr|pypi|npmjs)[\w-]*\.(io|com|org|microsoft\.com)|azurecr", text, re.I
    )


# --- cron ---------------------------------------------------------------------------------------------------------


def cron_lines() -> list[tuple[list[str], str, str]]:
    lines = [line for line in (HERE / "cron" / "authops").read_text().splitlines() if re.match(r"[\d*]", line)]
    return [(line.split()[:5], line.split()[5], line.split(None, 6)[6]) for line in lines]


def test_cron_lines_have_five_fields_a_user_and_no_bare_percent() -> None:
    limits = [59, 23, 31, 12, 7]
    for fields, user, command in cron_lines():
        assert all(f == "*" or 0 <= int(f) <= most for f, most in zip(fields, limits, strict=True))
        assert user == "authops"
        assert not re.search(r"(?<!\\)%", command), "cron ends a command at a percent sign"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    yield ensure(furnished(folder), users=20)
    stop(folder)


def cron_run(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command as cron calls it: a bare environment, bash, cron's own escape undone."""
    env = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(folder),
        "AUTHOPS_RUNS": str(folder / "runs"),
        "LOGNAME": "authops",
    }
    command = words.replace("\\%", "%").replace("/opt/authops", str(ROOT))
    return subprocess.run(["/bin/bash", "-c", command], env=env, cwd="/", capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.name != "posix", reason="cron is POSIX's")
def test_cron_is_silent_when_all_is_well_and_mails_the_reason_when_not(home: Path, tmp_path: Path) -> None:
    _, _, command = cron_lines()[0]
    mine = re.sub(r"^sleep [^;]+; ", "", command).replace("/etc/authops/my-tenant.yaml", str(home))
    done = cron_run(mine, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "outcome.json").read_text())["status"] == "done"
    assert [p.name for p in (run, *run.iterdir()) if p.stat().st_mode & 0o077] == []
    wrong = cron_run(mine.replace("run audit", "run audit -p tennant x"), tmp_path)
    assert wrong.returncode == 2
    assert "unknown parameter tennant" in wrong.stdout
    assert wrong.stdout.endswith("exit code 2\n")
    assert cron_run("sleep $((RANDOM \\% 1)); true", tmp_path).returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="POSIX shells")
@pytest.mark.parametrize("script", ["cron/quiet", "container/keep"])
def test_a_wrapper_hands_a_signal_on_and_waits_for_the_end(script: str, tmp_path: Path) -> None:
    """The child here settles for a moment before it ends with 3, as an apply does."""
    child = tmp_path / "authops"
    settle = f"import signal, sys, time, pathlib\nready = pathlib.Path({str(tmp_path / 'ready')!r})\n"
    settle += "signal.signal(signal.SIGINT, lambda *_: (time.sleep(0.5), print('settled', flush=True), sys.exit(3)))\n"
    child.write_text(f"#!{sys.executable}\n{settle}ready.touch()\nsignal.pause()\n")
    child.chmod(0o755)
    kept = {"AUTHOPS_RUNS": str(tmp_path / "runs"), "AUTHOPS_KEEP": str(tmp_path / "kept")}
    for folder in kept.values():
        Path(folder).mkdir()
    (tmp_path / "runs" / "outcome.json").write_text("{}")
    words = [str(HERE / script), *(["authops"] if script == "cron/quiet" else ["run"])]
    env = os.environ | kept | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as wrapper:
        until((tmp_path / "ready").exists)
        wrapper.send_signal(signal.SIGTERM)
        said, _ = wrapper.communicate(timeout=60)
    assert wrapper.returncode == 3
    assert "settled" in said
    if script == "container/keep":
        assert (tmp_path / "kept" / "outcome.json").exists()


def until(what: Any) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- systemd ------------------------------------------------------------------------------------------------------

TOOL = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(TOOL is None and not os.environ.get("CI"), reason="systemd-analyze is not here")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with this checkout in the place of /opt/authops."""
    for path in (HERE / "systemd").glob("*.*"):
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/authops/.venv/bin", str(BIN)))
    for job in jobs():
        shutil.copy(tmp_path / "authops@.service", tmp_path / f"authops@{job}.service")
    return tmp_path


def jobs() -> list[str]:
    return sorted(path.stem for path in (HERE / "systemd").glob("*.env"))


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    names = [*units.glob("*.timer"), *(units / f"authops@{job}.service" for job in jobs())]
    assert len(names) == 8
    done = subprocess.run([str(TOOL), "verify", *map(str, names)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_systemd_itself_calls_the_service_well_confined(units: Path) -> None:
    words = [str(TOOL), "security", "--offline=true", "--threshold=20", str(units / "authops@audit.service")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]


@needs_systemd
def test_every_timer_has_a_time_that_systemd_understands_and_its_own_command() -> None:
    timers = {p.stem.removeprefix("authops-"): p.read_text() for p in (HERE / "systemd").glob("*.timer")}
    assert sorted(timers) == jobs()
    for job, text in timers.items():
        assert f"\nUnit=authops@{job}.service\n" in text
        assert "\nPersistent=true\n" in text
        assert "\nRandomizedDelaySec=" in text
        when = re.findall("^OnCalendar=(.+)", text, re.MULTILINE)
        subprocess.run([str(TOOL), "calendar", *when], capture_output=True, check=True)


def test_the_service_settles_on_sigint_and_sees_its_certificate_as_a_credential() -> None:
    text = (HERE / "systemd" / "authops@.service").read_text()
    for line in ("KillMode=mixed", "KillSignal=SIGINT", "LoadCredential=certificate.pem:", "UMask=0077", "Restart=no",
                 "StateDirectoryMode=0700"):  # fmt: skip
        assert f"\n{line}" in text
    assert not re.search("^SuccessExitStatus=", text, re.MULTILINE), "whoever ignores 3 says so themselves"


# --- Windows ------------------------------------------------------------------------------------------------------

NS = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
# Task Scheduler's schema (MS-TSCH 2.5), as far as the examples use it: parent → its children.
CHILDREN = {
    "Task": {"RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"},
    "RegistrationInfo": {"Description", "URI"},
    "Triggers": {"CalendarTrigger"},
    "CalendarTrigger": {"StartBoundary", "Enabled", "RandomDelay", "ScheduleByDay", "ScheduleByWeek"},
    "ScheduleByDay": {"DaysInterval"},
    "ScheduleByWeek": {"DaysOfWeek", "WeeksInterval"},
    "DaysOfWeek": {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
    "Principals": {"Principal"},
    "Principal": {"UserId", "LogonType", "RunLevel"},
    "Settings": {
        "MultipleInstancesPolicy", "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries", "AllowHardTerminate",
        "StartWhenAvailable", "RunOnlyIfNetworkAvailable", "Enabled", "Hidden", "WakeToRun", "ExecutionTimeLimit",
        "Priority",
    },
    "Actions": {"Exec"},
    "Exec": {"Command", "Arguments", "WorkingDirectory"},
}  # fmt: skip
VALUES = {
    "LogonType": "S4U|Password|InteractiveToken|Group|ServiceAccount|InteractiveTokenOrPassword",
    "RunLevel": "LeastPrivilege",
    "MultipleInstancesPolicy": "IgnoreNew",
    "StartWhenAvailable": "true",
    "ExecutionTimeLimit": r"PT\d+[HM]",
    "RandomDelay": r"PT\d+[HM]",
    "StartBoundary": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
    "URI": r"\\authops\\\w+",
}


@pytest.mark.parametrize("path", sorted((HERE / "windows").glob("*.xml")), ids=lambda p: p.stem)
def test_a_windows_task_has_the_shape_that_task_scheduler_wants(path: Path) -> None:
    assert not path.read_text("utf-8").startswith("<?xml"), (
        "Register-ScheduledTask refuses a text that names an encoding"
    )
    task = ET.parse(path).getroot()
    assert (task.tag, task.get("version")) == (f"{NS}Task", "1.4")
    for element in task.iter():
        name = element.tag.removeprefix(NS)
        children = [child.tag.removeprefix(NS) for child in element]
        assert len(children) == len(set(children))
        assert set(children) <= CHILDREN.get(name, set())
        if name in VALUES:
            assert re.fullmatch(VALUES[name], element.text or ""), name
    who = task.find(f"{NS}Principals/{NS}Principal")
    actions = task.find(f"{NS}Actions")
    assert who is not None
    assert actions is not None
    assert actions.get("Context") == who.get("id")
    assert task.findtext(f".//{NS}URI") == f"\\authops\\{path.stem.removeprefix('authops-')}"


# --- pipelines ----------------------------------------------------------------------------------------------------


def github() -> dict[str, Any]:
    return yaml.load((HERE / "github" / "authops.yml").read_text(), yaml.BaseLoader)


def test_github_asks_for_an_identity_and_for_nothing_else() -> None:
    flow = github()
    assert flow["permissions"] == {}
    for job in flow["jobs"].values():
        assert job["permissions"] == {"id-token": "write", "contents": "read"}
        assert job["environment"] == "authops"
        assert int(job["timeout-minutes"]) > 0
        (checkout,) = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"]["persist-credentials"] == "false"
        assert "AZURE_FEDERATED_TOKEN_FILE" in job["env"]
    assert "secrets." not in (HERE / "github" / "authops.yml").read_text()


def test_github_runs_each_job_at_a_time_of_its_own() -> None:
    flow = github()
    times = {entry["cron"] for entry in flow["on"]["schedule"]}
    assert {re.findall("'(.+)'", job["if"])[0] for job in flow["jobs"].values()} == times


def published(steps: list[dict[str, Any]]) -> str:
    return "\n".join(
        json.dumps(s)
        for s in steps
        if "upload-artifact" in s.get("uses", "") or "publish" in s or "cp " in s.get("script", "")
    )


def test_no_pipeline_publishes_a_file_with_full_numbers() -> None:
    azure = yaml.safe_load((HERE / "azure-devops" / "authops.yml").read_text())
    jobs = {stage["stage"]: stage["jobs"][0]["steps"] for stage in azure["stages"]}
    for steps in ({name: job["steps"] for name, job in github()["jobs"].items()}, jobs):
        assert published(steps["sync"]) == published(steps["doctor"]) == ""
        assert "*.html" in published(steps["audit"])
        assert not re.search(r"parquet|sqlite|csv|runs/\*/?[\"' ]", published(steps["audit"]))


def test_what_writes_runs_where_its_journal_stays() -> None:
    assert "self-hosted" in github()["jobs"]["sync"]["runs-on"]
    azure = yaml.safe_load((HERE / "azure-devops" / "authops.yml").read_text())
    (sync,) = [stage["jobs"][0] for stage in azure["stages"] if stage["stage"] == "sync"]
    assert sync["pool"] == {"name": "authops"}


def test_azure_devops_signs_in_by_federation_and_starts_by_schedule_only() -> None:
    azure = yaml.safe_load((HERE / "azure-devops" / "authops.yml").read_text())
    assert (azure["trigger"], azure["pr"]) == ("none", "none")
    names = {entry["displayName"] for entry in azure["schedules"]}
    assert {re.findall("'([^']+)'", stage["condition"])[1] for stage in azure["stages"]} == names
    for stage in azure["stages"]:
        (step,) = [s for s in stage["jobs"][0]["steps"] if s.get("task") == "AzureCLI@2"]
        assert step["inputs"]["addSpnToEnvironment"] is True
        assert 'printf %s "$idToken" >"$AZURE_FEDERATED_TOKEN_FILE"' in step["inputs"]["inlineScript"]
        assert step["inputs"]["inlineScript"].startswith("umask 077\n")
        subprocess.run(["bash", "-n"], input=step["inputs"]["inlineScript"], text=True, check=True)


# --- containers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((HERE / "azure-container-apps").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_container_job_is_scheduled_signs_in_as_its_identity_and_never_repeats_itself(path: Path) -> None:
    job = yaml.safe_load(path.read_text())
    settings, template = job["properties"]["configuration"], job["properties"]["template"]
    assert job["type"] == "Microsoft.App/jobs"
    assert settings["triggerType"] == "Schedule"
    assert len(settings["scheduleTriggerConfig"]["cronExpression"].split()) == 5
    assert settings["replicaRetryLimit"] == 0
    assert settings["replicaTimeout"] > 0
    held = {secret["name"]: yaml.safe_load(secret["value"]) for secret in settings["secrets"]}
    assert held["my-tenant"]["credential"] == "managed-identity"
    places = {m["volumeName"]: m["mountPath"] for m in template["containers"][0]["volumeMounts"]}
    files = [(v["name"], s["path"]) for v in template["volumes"] for s in v.get("secrets", [])]
    mounted = {f"{places[volume]}/{file}" for volume, file in files}
    assert {word for word in container_words(path) if word.startswith("/etc/")} == mounted
    assert {v["name"] for v in template["volumes"]} == set(places)
    if "profile-sync" in held:
        runbook.effective(["preview", "apply"], [], [(k, str(v)) for k, v in held["profile-sync"].items()])


def instructions() -> list[tuple[str, str]]:
    text = (HERE / "container" / "Containerfile").read_text()
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line]


def test_the_image_is_pinned_by_hashes_runs_as_nobody_and_stops_by_sigint() -> None:
    found = instructions()
    assert {word for word, _ in found} <= {
        "FROM", "ENV", "WORKDIR", "RUN", "COPY", "LABEL", "USER", "STOPSIGNAL", "VOLUME", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    installs = [said for word, said in found if word == "RUN" and "pip install" in said]
    assert all("--require-hashes" in said or "--no-deps" in said for said in installs)
    last = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    after = dict(found[last:])
    assert re.fullmatch(r"\d+:\d+", after["USER"])
    assert after["USER"] != "0:0"
    assert after["STOPSIGNAL"] == "SIGINT"
    assert json.loads(after["ENTRYPOINT"]) == ["authops"]


def test_the_image_copies_only_what_the_builder_is_given_and_no_profile_or_key() -> None:
    ignored = (HERE / "container" / "Containerfile.dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    given = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = [said.split()[:-1] for word, said in instructions() if word == "COPY" and "--from" not in said]
    assert {name for names in copied for name in names} <= given
    assert all((ROOT / name).exists() for name in given)
    assert {"parameters/connections/*", "**/*.pem", "**/*.pfx"} <= set(ignored)


# --- Airflow ------------------------------------------------------------------------------------------------------


def test_the_airflow_example_compiles_and_calls_commands_that_there_are() -> None:
    path = HERE / "airflow" / "authops_fleet.py"
    compile(path.read_text("utf-8"), str(path), "exec")
    fleet = main.commands["fleet"]
    assert isinstance(fleet, click.Group)
    for name in ("tasks", "gather"):
        assert f'"fleet", "{name}"' in path.read_text("utf-8")
        assert name in fleet.commands
    final = set(re.findall(r'"(\w+)"', re.findall(r"FINAL = \{([^}]+)\}", path.read_text("utf-8"))[0]))
    from authops.words import errors

    assert final == {
        n
        for n, c in vars(errors).items()
        if isinstance(c, type) and c.__module__ == errors.__name__ and c.exit_code in (2, 4)
    }


def test_airflow_itself_finds_both_dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("airflow", reason="Airflow has an environment of its own: bench/airflow.py runs the DAG there")
    pytest.importorskip("airflow.providers.papermill")
    (tmp_path / "customers.yaml").write_text("tenants: {demo: }\n")
    monkeypatch.setenv("AUTHOPS_TENANTS", str(tmp_path))
    space: dict[str, Any] = {"__name__": "authops_fleet"}
    path = HERE / "airflow" / "authops_fleet.py"
    exec(compile(path.read_text("utf-8"), str(path), "exec"), space)
    assert {dag.dag_id for dag in space["FLEETS"]} == {
        "authops_nightly_audit_customers",
        "authops_daily_sync_customers",
    }
