"""Parameters are checked before anything runs: a mistyped safety switch must not pass."""

from pathlib import Path

import pytest
import yaml

from authops.run import outcome, runbook
from authops.words.errors import ParameterError


def test_a_later_source_of_a_parameter_wins(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("default_region: BE\nmax_changes: 5\n")
    got = runbook.effective(["preview"], [tmp_path / "mine.yaml"], [("max_changes", "7")])["preview"]
    assert (got["default_region"], got["max_changes"], got["max_removals"]) == ("BE", 7, 0)


def test_one_file_serves_several_runbooks_each_gets_what_it_declares() -> None:
    file = Path(__file__).parents[2] / "parameters" / "onboarding.yaml"
    got = runbook.effective(["preview", "verify"], [file])
    assert Path(got["preview"]["source"]).is_absolute()
    assert "source" not in got["verify"]
    assert "mode" not in got["preview"]


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("max_chnages", "5"), "did you mean max_changes"),
        (("mode", "apply"), "unknown parameter mode"),
        (("max_changes", "many"), "max_changes must be Optional"),
        (("max_changes", "true"), "max_changes must be Optional"),
        (("approve", "everything"), "approve must be one of none, all"),
        (("reveal_numbers", "perhaps"), "reveal_numbers must be bool"),
        (("source", "+31612345678"), "looks like a phone number"),
        (("client_secret", "x"), "secrets are never parameters"),
        (("run_dir", "/somewhere"), "set by the runner"),
    ],
)
def test_what_is_not_declared_or_does_not_fit_is_refused(pair: tuple[str, str], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        runbook.effective(["preview"], [], [pair])


@pytest.mark.parametrize("written", ["[country: NO]", '["country: NO"]', "{country: NO}"])
def test_a_list_where_one_text_is_wanted_is_refused(tmp_path: Path, written: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"scope: {written}\n")
    with pytest.raises(ParameterError, match="scope must be str, not"):
        runbook.effective(["audit"], [tmp_path / "mine.yaml"])


def test_null_must_be_written_to_lift_a_limit() -> None:
    assert runbook.effective(["preview"], [], [("max_changes", "null")])["preview"]["max_changes"] is None


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("approve: maybe\nmod: apply\n")
    with pytest.raises(ParameterError, match=r"approve must be one of.*unknown parameter mod"):
        runbook.effective(["preview"], [tmp_path / "mine.yaml"])


def test_a_limit_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("max_changes: 5\nmax_changes: 5000\n")
    with pytest.raises(ParameterError, match="max_changes stands there twice"):
        runbook.effective(["preview"], [tmp_path / "mine.yaml"])


def test_a_text_is_a_text_with_quotes_or_without(tmp_path: Path) -> None:
    words = "default_region: NO\nticket: 0123456\nscope_departments: [NO, 01, yes]\nprotect_groups: [2026-11-26]\n"
    (tmp_path / "mine.yaml").write_text(words)
    got = runbook.effective(["preview"], [tmp_path / "mine.yaml"])["preview"]
    assert (got["default_region"], got["ticket"]) == ("NO", "0123456")
    assert (got["scope_departments"], got["protect_groups"]) == (["NO", "01", "yes"], ["2026-11-26"])


@pytest.mark.parametrize("text", ['"C:\\Users\\me\\list.csv"', '"C:\\temp\\new.csv"'])
def test_a_backslash_in_double_quotes_is_refused_with_the_quotes_to_write(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"source: {text}\n")
    with pytest.raises(ParameterError) as refused:
        runbook.effective(["preview"], [tmp_path / "mine.yaml"])
    assert "single quotes" in refused.value.remedy
    assert "list" not in str(refused.value)
    (tmp_path / "mine.yaml").write_text("source: " + text.replace('"', "'") + "\n")
    assert "\\" in runbook.effective(["preview"], [tmp_path / "mine.yaml"])["preview"]["source"]


def test_a_parameter_with_a_tab_in_it_is_refused() -> None:
    with pytest.raises(ParameterError, match="source holds a tab"):
        runbook.effective(["preview"], [], [("source", "C:\temp")])


def test_an_unknown_runbook_is_named() -> None:
    with pytest.raises(ParameterError, match="no runbook named 'aply'"):
        runbook.effective(["aply"])


NUMBERS = [
    "+31612345678",
    "+31 6 1234 5678",
    "0031612345678",
    "0612345678",
    "06-12345678",
    "(020) 1234567",
    "ann@contoso.example,+31 612345678",
]
SECRETS = [
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBoIn0.c2lnbmF0dXJl",
    "Bearer abcdefghijklmnopqrstuvwxyz012345",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
    "abc8Q~" + "x" * 34,
    "https://operator:hunter22@proxy.contoso.example",
    "https://hooks.slack.com/services/T000/B000/XXXXXXXX",
    "https://prod.westeurope.logic.azure.com/workflows/x?sig=AbCdEfGhIjKlMnOp",
    "AccountName=x;Password=hunter2222;",
]


@pytest.mark.parametrize("value", NUMBERS + SECRETS)
@pytest.mark.parametrize("how", ["word", "list", "yaml", "yaml list", "yaml nested", "yaml key"])
def test_numbers_and_secrets_are_refused_wherever_they_stand_and_never_repeated(
    tmp_path: Path, value: str, how: str
) -> None:
    file = tmp_path / "mine.yaml"
    nested = {"yaml": value, "yaml list": [value], "yaml nested": [{"deep": [value]}], "yaml key": {value: 1}}
    pairs = {"word": [("source", value)], "list": [("protect_users", f"ann@contoso.example,{value}")]}.get(how, [])
    if how in nested:
        file.write_text(yaml.safe_dump({"source": nested[how]}))
    with pytest.raises(ParameterError, match=r"looks like a (phone number|secret)") as refused:
        runbook.effective(["preview"], [file] if how in nested else [], pairs)
    assert not any(part in str(refused.value) for part in (value, value[-9:], "hunter2"))


@pytest.mark.parametrize(("name", "value"), [("password_env", "hunter2"), ("password", "DESK_PASSWORD"), ("token", "")])
def test_a_password_is_refused_and_the_name_of_a_variable_is_none(name: str, value: str) -> None:
    assert "looks like a secret" in runbook.forbidden(name, value)
    assert runbook.forbidden("password_env", "DESK_PASSWORD") == runbook.forbidden("password_env", "") == ""


def test_a_number_that_yaml_made_an_integer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("max_changes: +31612345678\n")
    with pytest.raises(ParameterError, match="max_changes looks like a phone number"):
        runbook.effective(["preview"], [tmp_path / "mine.yaml"])
    with pytest.raises(ParameterError, match="max_changes looks like a phone number"):
        runbook.effective(["preview"], [], [("max_changes", "31612345678")])


def test_a_file_that_is_not_utf_8_is_said_so(tmp_path: Path) -> None:
    """PowerShell's `>` writes UTF-16."""
    (tmp_path / "mine.yaml").write_bytes("max_changes: 3\n".encode("utf-16"))
    with pytest.raises(ParameterError, match="is not UTF-8"):
        runbook.effective(["preview"], [tmp_path / "mine.yaml"])


def test_a_broken_file_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("source: x\nclient: [hunter2hunter2: {\n")
    with pytest.raises(ParameterError, match="not valid YAML, line") as refused:
        runbook.effective(["preview"], [tmp_path / "mine.yaml"])
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("runbook_name", "name", "value"),
    [
        ("preview", "protect_users", "12345678-1234-1234-1234-123456789012"),
        ("undo", "until", "2026-11-24"),
        ("undo", "until", "2026-11-24T14:30"),
        ("undo", "run", "20261124T143000Z-preview-apply-04270a"),
        ("preview", "source", "/data/2026/20261124.csv"),
        ("preview", "source", "C:\\Users\\ann\\onboarding (2).csv"),
        ("preview", "max_changes", "200000"),
    ],
)
def test_what_only_resembles_a_number_is_let_through(runbook_name: str, name: str, value: str) -> None:
    assert name in runbook.effective([runbook_name], [], [(name, value)])[runbook_name]


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"max_changs": 5}, "max_changs"),
        ({"max_changes": "many"}, "max_changes"),
        ({"max_changes": True}, "max_changes"),
        ({"max_share": [1]}, "max_share"),
        ({"mode": "aply"}, "mode"),
        ({"connection": "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4eHh4In0.x"}, "connection"),
    ],
)
def test_what_a_run_kept_is_looked_at_before_a_resume_goes_on_with_it(kept: dict[str, object], said: str) -> None:
    with pytest.raises(ParameterError, match=said) as refused:
        runbook.effective(["apply"], [], [], {"apply": kept})
    assert "parameters.json" in str(refused.value)


def test_what_a_run_kept_goes_on(tmp_path: Path) -> None:
    first = runbook.effective(
        ["apply", "verify"], [], [("max_changes", "7"), ("connection", "mine"), ("mode", "apply")]
    )
    for name in ("apply", "verify"):
        outcome.keep_given(tmp_path, name, first[name])
    assert runbook.effective(["apply", "verify"], [], [], outcome.given(tmp_path, ["apply", "verify"])) == first


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"apply": 1}'])
def test_a_resume_without_knowing_what_it_was_given_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "parameters.json").write_text(text)
    with pytest.raises(ParameterError, match="is not known"):
        outcome.given(tmp_path, ["apply"])


def of_cell(name: str, **changed: object) -> dict[str, object]:
    """What the cells of a notebook have named once its parameters stand there, and more that they named."""
    return {p.name: p.default for p in runbook.declared(name).values()} | {"plan": object(), "run_dir": "x"} | changed


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("preview", {"on_retiring": "stop"}, "on_retiring must be one of note, hold, allow"),
        ("preview", {"max_share": float("nan")}, "max_share"),
        ("preview", {"protect_users": "anna@contoso.example"}, r"protect_users must be list\[str\], not str"),
        ("apply", {"mode": "write"}, "mode must be one of"),
        ("apply", {"max_removals": "0"}, "max_removals must be"),
        ("undo", {"users": ["+31 612345678"]}, "looks like a phone number"),
        ("retirement", {"sign_in_days": True}, "sign_in_days must be int"),
    ],
)
def test_what_a_person_wrote_into_the_cell_of_parameters_is_looked_at_before_anything_is_read(
    name: str, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(ParameterError, match=said) as refused:
        runbook.refuse_wrong(name, of_cell(name, **changed))
    assert "nothing was read" in refused.value.remedy


@pytest.mark.parametrize("name", list(runbook.RUNBOOKS))
def test_the_cells_as_they_are_committed_and_another_notebooks_are_fine(name: str) -> None:
    runbook.refuse_wrong(name, of_cell(name))
    runbook.refuse_wrong(name, {"run": object(), "users": 7})


@pytest.mark.parametrize("name", runbook.RUNBOOKS)
def test_the_help_says_what_every_parameter_means(name: str) -> None:
    told = dict(runbook.explained(name))
    assert [parameter for parameter, words in told.items() if not words.partition("  [")[0]] == []
