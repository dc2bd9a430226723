"""Passes in a storm, killed again and again, also inside the hand-over: one letter each, and it works."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.passes import chaos, holding
from bench.stand import tenant


@pytest.mark.slow
def test_killed_and_gone_on_with_each_has_one_letter_that_works_and_no_file_holds_a_code() -> None:
    with tenant(60) as stand:
        got = chaos(stand, 40, 5, seed=2)
    assert got.bad == {"not one letter": [], "does not work": [], "others": [], "files with a code": [], "cores": []}
    assert got.killed.total() >= 2
    assert set(got.outcomes) <= {"applied", "applied_with_note"}
    assert sum(got.outcomes.values()) == 40 <= got.searched


CODE = "k3Rq8ZtW"
TEXT = f"somebody wrote {CODE} down".encode()


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", data)
    return out.getvalue()


def table(_: bytes) -> bytes:
    out = io.BytesIO()
    pd.DataFrame({"detail": [TEXT.decode()] * 3}).to_parquet(out, compression="zstd")
    return out.getvalue()


def database(path: Path, mode: str, before: int) -> sqlite3.Connection:
    """A journal with a text that is longer than a page."""
    db = sqlite3.connect(path)
    db.execute(f"pragma journal_mode={mode}")
    db.execute("create table told (detail text)")
    db.execute("insert into told values (?)", (("x" * before + CODE).ljust(13_000, "y"),))
    db.commit()
    return db


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "at the end": lambda data: data[: data.index(CODE.encode()) + len(CODE)],
    "wide": lambda data: data.decode().encode("utf-16"),
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zlib": zlib.compress,
    "xlsx": zipped,
    "zip in gzip in zip": lambda data: zipped(gzip.compress(zipped(data))),
    "parquet": table,
}


@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_a_code_however_it_lies_in_a_file(tmp_path: Path, form: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(FORMS[form](TEXT))
    assert holding(tmp_path, {CODE, "neverGiv"}) == [str(tmp_path / "deep" / "file")]
    assert holding(tmp_path, {"neverGiv"}) == []


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_the_search_finds_a_code_in_a_journals_pages_also_across_the_border_of_two(tmp_path: Path, mode: str) -> None:
    split = 0
    for before in range(712, 728):
        (tmp_path / str(before)).mkdir()
        db = database(tmp_path / str(before) / "journal.sqlite", mode, before)
        split += not any(CODE.encode() in path.read_bytes() for path in (tmp_path / str(before)).iterdir())
        assert holding(tmp_path / str(before), {CODE})
        db.close()
    assert split, "no border was met"
