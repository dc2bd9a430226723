"""Who is recorded is whom the operating system knows; only a pipeline's own variable says otherwise."""

from __future__ import annotations

import os

import pytest

from authops.words.author import author, operator

pwd = pytest.importorskip("pwd")


@pytest.mark.parametrize("name", ["LOGNAME", "USER", "LNAME", "USERNAME"])
def test_no_variable_of_the_shell_makes_somebody_else(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("AUTHOPS_AUTHOR", raising=False)
    monkeypatch.setenv(name, "bob")
    assert author() == operator()
    assert operator().partition("@")[0] == pwd.getpwuid(os.geteuid()).pw_name


def test_a_pipeline_says_who_asked_and_not_who_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHOPS_AUTHOR", "frida, run 17")
    assert author() == "frida, run 17"
    assert "frida" not in operator()
