"""The tenants file: what it says, what is wrong with it, and who shares a limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from authops.run.tenants import load
from authops.words.errors import ParameterError

ID = "00000000-1111-2222-3333-444444444444"


def written(folder: Path, text: str) -> Path:
    path = folder / "tenants.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_name_alone_is_a_connection_and_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(f"cloud: global\nclient_id: {ID}\n")
    own = "{source: b.csv, mapping: b-map.yaml, default_region: DE}"
    text = f"tenants:\n  demo:\n  bert:\n    connection: b.yaml\n    parameters: {own}\n"
    found = load(written(tmp_path, text))
    demo, bert = found.all
    assert (demo.connection, dict(demo.parameters)) == ("demo", {})
    assert (bert.connection, bert.application) == (str(tmp_path / "b.yaml"), ID)
    assert dict(bert.parameters) == {
        "source": str(tmp_path / "b.csv"),
        "mapping": str(tmp_path / "b-map.yaml"),
        "default_region": "DE",
    }
    assert (found.at_once, found.at_once_per_application) == (2, 1)


def test_the_directory_itself_as_source_is_no_path(tmp_path: Path) -> None:
    (only,) = load(written(tmp_path, "tenants: {demo: {parameters: {source: profile}}}\n")).all
    assert only.parameters["source"] == "profile"


def test_a_profile_that_cannot_be_read_is_not_the_files_fault(tmp_path: Path) -> None:
    (gone,) = load(written(tmp_path, "tenants: {gone: {connection: gone.yaml}}\n")).all
    assert gone.application == gone.connection


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no tenants"),
        ("tenants: {}\n", "names no tenants"),
        ("- demo\n", "names no tenants"),
        ("tenants: {demo: }\nat_onec: 3\n", "unknown key 'at_onec'"),
        ("tenants: {demo: }\nat_once: 0\n", "at_once must be a whole number"),
        ("tenants: {demo: }\nat_once_per_application: yes\n", "at_once_per_application must be a whole number"),
        ("tenants:\n  no:\n", "False is no text: put quotes"),
        ("tenants:\n  ../up:\n", "its folder is named so"),
        ("tenants:\n  demo:\n  demo:\n", "demo stands there twice"),
        ("tenants:\n  demo:\n  Demo:\n", "'demo' stands there twice"),
        ("tenants: {demo: {conection: x}}\n", "unknown key 'conection'"),
        ("tenants: {demo: [1]}\n", "must hold `connection`"),
        ("tenants: {demo: {parameters: {connection: x}}}\n", "connection belongs beside"),
        ("tenants: [\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        load(written(tmp_path, text))


@pytest.mark.parametrize("credential", ["device-code", "browser"])
def test_a_connection_that_asks_a_person_is_refused_before_anything_starts(tmp_path: Path, credential: str) -> None:
    (tmp_path / "b.yaml").write_text(f"cloud: global\ntenant_id: {ID}\ncredential: {credential}\n")
    with pytest.raises(ParameterError, match="'bert' signs in as a person"):
        load(written(tmp_path, "tenants: {demo: , bert: {connection: b.yaml}}\n"))


def test_what_may_not_be_repeated_is_not(tmp_path: Path) -> None:
    for text in ("tenants:\n  a: {x: hunter2hunter2: }\n", "tenants: {'+31612345678 x': }\n"):
        with pytest.raises(ParameterError) as refused:
            load(written(tmp_path, text))
        assert not any(word in str(refused.value) for word in ("hunter2", "61234"))
    (tmp_path / "utf16.yaml").write_bytes("tenants: {demo: }".encode("utf-16"))
    with pytest.raises(ParameterError, match="is not UTF-8"):
        load(tmp_path / "utf16.yaml")


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"at_once[\s\S]*'x'[\s\S]*'y'"):
        load(written(tmp_path, "at_once: many\ntenants: {a: {x: 1}, b: {y: 1}}\n"))
