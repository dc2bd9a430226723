"""Snapshots and what moved between them."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from authops.audit import snapshot, trend
from authops.audit.coverage import STANDINGS
from authops.show import pictures
from authops.words.errors import ParameterError
from authops.words.frames import COVERAGE, frame


def person(name: str, methods: str, standing: str, admin: str = "no") -> dict[str, str]:
    row = dict.fromkeys(COVERAGE, "") | {"user_id": name, "user_principal_name": f"{name}@x.org"}
    return row | {"display_name": f"Name of {name}", "methods": methods, "standing": standing, "admin": admin}


BEFORE = frame(
    COVERAGE,
    [
        person("same", "mobilePhone", "phone only"),
        person("fell", "mobilePhone microsoftAuthenticatorPush", "app or key"),
        person("rose", "mobilePhone", "phone only"),
        person("bare", "mobilePhone", "phone only", "yes"),
        person("more", "softwareOneTimePasscode", "app or key"),
        person("left", "mobilePhone", "phone only"),
        person("hidden", "mobilePhone", "phone only"),
        person("shown", "", "unknown"),
    ],
)
AFTER = frame(
    COVERAGE,
    [
        person("same", "mobilePhone", "phone only"),
        person("fell", "mobilePhone", "phone only"),
        person("rose", "mobilePhone passKeySynced", "passwordless"),
        person("bare", "", "nothing", "yes"),
        person("more", "softwareOneTimePasscode microsoftAuthenticatorPush", "app or key"),
        person("hidden", "", "unknown"),
        person("shown", "mobilePhone", "phone only"),
        person("new", "", "nothing"),
    ],
)


def test_what_changed_person_by_person() -> None:
    data = trend.differences(BEFORE, AFTER).set_index("user_id")
    assert data["change"].to_dict() == {
        "fell": "became phone only",
        "bare": "weaker",
        "rose": "stronger",
        "more": "methods changed",
        "new": "new user",
        "left": "left",
        "hidden": "no longer in the report",
        "shown": "now in the report",
    }
    assert list(data["change"]) == sorted(data["change"], key=list(trend.KINDS).index)
    assert (data.loc["fell", "lost"], data.loc["fell", "gained"]) == ("microsoftAuthenticatorPush", "")
    assert data.loc["rose", "gained"] == "passKeySynced"
    assert (data.loc["left", "before"], data.loc["left", "after"]) == ("phone only", "")


def test_who_became_unknown_lost_nothing_as_far_as_anybody_knows() -> None:
    data = trend.differences(BEFORE, AFTER).set_index("user_id")
    assert data.loc["hidden", ["gained", "lost"]].tolist() == ["", ""]
    assert data.loc["shown", ["gained", "lost"]].tolist() == ["", ""]


def test_nothing_moved_between_equal_snapshots() -> None:
    assert trend.differences(AFTER, AFTER).empty
    assert trend.differences(AFTER.iloc[:0], AFTER)["change"].eq("new user").all()


def test_the_tally_is_what_the_trend_shows() -> None:
    tallies = [("2026-01-01T00:00:00+00:00", trend.tally(BEFORE)), ("2026-02-01T00:00:00+00:00", trend.tally(AFTER))]
    data = trend.over_time(tallies)
    assert data["phone only"].tolist() == [5, 3]
    assert data["admins by phone only"].tolist() == [1, 0]
    assert (data[list(STANDINGS)].sum(axis=1) == data["users"]).all()
    view = pictures.trend(data)
    assert view.html.count("<polyline") == len(STANDINGS)
    assert "2026-02-01" in view.html
    assert "first snapshot" in pictures.trend(data.iloc[:1]).plain


def save(folder: Path, at: str, tenant: str = "t", data: pd.DataFrame = AFTER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return snapshot.save(data, trend.tally(data), folder, tenant_id=tenant, at=at)


def test_a_snapshot_comes_back_without_numbers_or_names_for_its_owner_only(tmp_path: Path) -> None:
    path = save(tmp_path / "run", "2026-01-01T00:00:00+00:00")
    assert path.stat().st_mode & 0o077 == 0
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    (found,) = snapshot.earlier(tmp_path, tenant_id="t", before="2026-02", most=9)
    assert found.tally == trend.tally(AFTER)
    assert trend.differences(found.load(), AFTER).empty
    assert found.load()["display_name"].eq("").all()
    assert not {"value", "phone", "number"} & set(pq.read_schema(path).names)


def test_only_earlier_snapshots_of_this_tenant_the_newest_of_them_once_each(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for month in range(1, 7):
        path = save(tmp_path / "runs" / f"run{month}", f"2026-0{month}-01T00:00:00+00:00")
        snapshot.keep(path, str(kept))
    save(tmp_path / "runs" / "foreign", "2026-03-03T00:00:00+00:00", tenant="other")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / snapshot.NAME).write_bytes(b"PAR1 nothing")
    (tmp_path / "runs" / "run1" / snapshot.NAME).unlink()

    def found(**more: object) -> list[str]:
        asked = {"tenant_id": "t", "before": "2026-06-01T00:00:00+00:00", "most": 12} | more
        return [s.at[:7] for s in snapshot.earlier(tmp_path / "runs", str(kept), **asked)]  # type: ignore[arg-type]

    assert found() == ["2026-01", "2026-02", "2026-03", "2026-04", "2026-05"]
    assert found(most=2) == ["2026-04", "2026-05"]
    assert found(most=0) == []
    assert found(tenant_id="nobody") == []


def test_a_snapshot_of_an_older_format_is_read_on(tmp_path: Path) -> None:
    path = save(tmp_path / "run", "2026-01-01T00:00:00+00:00")
    table = pq.read_table(path).drop_columns(["sspr_capable", "licences"])
    said = json.loads(table.schema.metadata[b"authops.snapshot"])
    assert said["tenant_id"] == "t"
    pq.write_table(table, path)
    (found,) = snapshot.earlier(tmp_path, tenant_id="t", before="2027", most=1)
    assert found.load()["licences"].eq("").all()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ParameterError, match="snapshots"):
        snapshot.keep(save(tmp_path / "run", "2026-01-01T00:00:00+00:00"), str(tmp_path / "file" / "inside"))
    assert snapshot.keep(tmp_path / "none", "") is None
