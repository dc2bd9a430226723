"""What a page may never show, and what it must get right."""

import logging
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from authops.show import report, report_page, views
from authops.words.frames import CHANGES, OUTCOME_ROWS, PROBLEMS, REHEARSED, empty, frame

NUMBER = "+31 612345678"
EVIL = "<img src=x onerror=alert(1)>"


def change(number: int = 1, action: str = "add", **more: object) -> dict[str, object]:
    """One row of CHANGES."""
    row = {
        "change_id": f"c{number}",
        "line": number + 1,
        "user_id": f"u{number}",
        "user_principal_name": f"user{number}@x.org",
        "display_name": "Ann",
        "method": "mobile",
        "action": action,
        "before": "",
        "after": NUMBER,
        "reason": "no_method",
        "step": 1,
    }
    return row | more


def changes(*rows: dict[str, object]) -> pd.DataFrame:
    """CHANGES."""
    return frame(CHANGES, rows)


def outcome(**more: object) -> dict[str, object]:
    """One row of OUTCOME_ROWS."""
    row = dict.fromkeys(OUTCOME_ROWS, "") | {
        "line": 2,
        "user_principal_name": "ann@x.org",
        "method": "mobile",
        "action": "add",
        "after": NUMBER,
        "outcome": "applied",
    }
    return row | more


def html(view: report.View) -> str:
    return view._repr_html_()


def test_tiles_count_every_action_and_the_users_written_to() -> None:
    data = changes(change(1), change(2, "remove"), change(2, "keep"), change(3, "blocked"), change(4, "update"))
    view = report.counts(data, empty(PROBLEMS))
    assert str(view) == "1 add · 1 update · 1 remove · 1 keep · 1 blocked · 0 problems · 3 of 4 users concerned"
    assert re.search(r"<b>3</b>users concerned<small>of 4 considered", html(view))


@pytest.mark.parametrize("column", ["user_principal_name", "display_name", "method", "reason", "before", "after"])
def test_no_text_of_a_change_becomes_markup(column: str) -> None:
    page = html(report.changes(changes(change(**{column: EVIL})), reveal=True))
    assert "<img" not in page
    assert "&lt;img" in page


def test_no_text_of_a_problem_an_outcome_or_a_fact_becomes_markup() -> None:
    problem = {"line": 2, "user": EVIL, "column": EVIL, "value": EVIL, "rule": EVIL, "message": EVIL}
    odd = outcome(outcome="rejected", detail=EVIL, found=EVIL, request_id=EVIL, user_principal_name=EVIL)
    breach = pd.DataFrame([{"guard": EVIL, "limit": 0, "selected": 1, "population": 2, "message": EVIL}])
    views = [
        report.problems(frame(PROBLEMS, [problem])),
        report.outcomes(frame(OUTCOME_ROWS, [odd])),
        report.facts({EVIL: EVIL, "list": [EVIL]}),
        report.breaches(breach),
    ]
    assert not [v for v in views if "<img" in html(v)]


def test_turned_text_cannot_make_a_number_look_like_another() -> None:
    assert "\u202e" not in html(report.changes(changes(change(display_name="ann\u202e876"))))


def test_numbers_are_masked_in_html_and_in_plain_text() -> None:
    view = report.changes(changes(change(before="+31 698765432", action="update"), change(2, "remove")))
    for shown in (html(view), str(view), repr(view)):
        assert "612345" not in shown and "698765" not in shown
        assert "+31 ******678" in shown


def test_revealed_numbers_are_whole() -> None:
    assert NUMBER in html(report.changes(changes(change()), reveal=True))


def test_graphs_own_words_do_not_give_a_number_away() -> None:
    said = f"phone number {NUMBER} ({NUMBER.replace(' ', '')}) of +44 7700900123 is not unique"
    view = report.outcomes(frame(OUTCOME_ROWS, [outcome(outcome="rejected", detail=said)]))
    assert not re.search(r"\d{7}", html(view) + str(view))
    assert "is not unique" in html(view)


def test_colour_is_not_the_only_carrier() -> None:
    rows = [change(i, action) for i, action in enumerate(report.SIGNS, 1)]
    page = html(report.changes(changes(*rows)))
    for action, sign in report.SIGNS.items():
        assert f'<tr class="{action}">' in page and f'<span class="sign">{sign}</span>{action}' in page


def test_a_long_table_says_what_it_leaves_out() -> None:
    view = report.changes(changes(*(change(i) for i in range(1, 5124))))
    assert "200 of 5,123 shown; all in plan.parquet" in html(view)
    assert html(view).count("<tr class=") == 200


def test_only_the_actions_asked_for() -> None:
    view = report.changes(changes(change(1, "add"), change(2, "keep")), actions=["keep"])
    assert "user2@" in str(view) and "user1@" not in str(view)


def test_reasons_in_words() -> None:
    words = {"no_method": "no such method yet"}
    assert "no such method yet" in str(report.changes(changes(change()), reasons=words))
    assert "overwrite not allowed" in str(
        report.changes(changes(change(reason="overwrite_not_allowed")), reasons=words)
    )
    table = report.reasons(changes(change(1), change(2), change(3, "keep", reason="equal_number")), reasons=words)
    assert str(table).splitlines()[1:] == ["+ add   no such method yet  2", "= keep  equal number        1"]


def test_a_breach_is_stated_with_its_figures() -> None:
    data = pd.DataFrame(
        [{"guard": "max_removals", "limit": 0, "selected": 7, "population": 5000, "message": "7 removals"}]
    )
    assert "max_removals" in str(report.breaches(data)) and "5,000" in html(report.breaches(data))
    assert "raise the limit in words: -p max_removals 7" in html(report.breaches(data))
    assert "Within every limit" in str(report.breaches(data.iloc[:0]))


def test_outcomes_list_all_but_the_applied_and_what_is_not_as_recorded() -> None:
    rows = [
        outcome(),
        outcome(user_principal_name="bob@x.org", outcome="unknown"),
        outcome(user_principal_name="c@x.org"),
    ]
    data = frame(OUTCOME_ROWS, rows)
    assert "1 unknown" in str(report.outcomes(data)) and "ann@" not in str(report.outcomes(data))
    rehearsed = report.outcomes(data.assign(outcome="skipped", detail=[REHEARSED, REHEARSED, "disabled"]))
    assert str(rehearsed).startswith("2 would be written · 1 skipped\n")
    assert "would be written" not in str(report.outcomes(data)) + html(report.outcomes(data))
    assert "c@x.org" in html(report.outcomes(data.assign(as_recorded=[True, True, False])))


def test_guards_that_stopped_nothing_are_folded_and_a_good_end_is_said() -> None:
    shown = report.holds({"guest": 2, "at_risk": 0}, reasons={"guest": "g", "at_risk": "r"})
    before, folded = shown.html.split("<details>")
    assert "guest" in before and "at risk" not in before
    assert "1 guard stopped nothing" in folded and "at risk" in folded
    assert "at risk" in shown.plain
    good = report.outcomes(empty(OUTCOME_ROWS).assign(as_recorded=pd.Series([], dtype=bool)))
    assert str(good) == "Everything is as recorded." and "tile" not in good.html


def test_a_wide_table_of_people_or_sentences_names_its_columns_in_each_cell_and_one_of_figures_does_not() -> None:
    """Where there is little room a row becomes a block, which says what each of its cells is."""
    problems = report.problems(frame(PROBLEMS, [dict.fromkeys(PROBLEMS, "x") | {"line": 1}])).html
    assert 'class="folds"' in problems and '<td class="long" data-head="message">x</td>' in problems
    heads = [str(n) for n in range(9)]
    assert "data-head" not in views.table(heads, [("", heads)], right=heads[1:])


def test_chart_numbers_are_right() -> None:
    data = pd.DataFrame(
        [
            {"measure": "MFA-capable", "users": 412, "share": 0.824, "population": 500, "kind": "capable"},
            {"measure": EVIL, "users": 0, "share": float("nan"), "population": 0, "kind": "gap"},
        ]
    )
    page = html(report.coverage_chart(data))
    assert "412 of 500 · 82.4 %" in page and "0 of 0 · \u2013" in page
    assert f'width="{0.824 * 260:.1f}"' in page and "<img" not in page


def test_progress_says_rate_and_time_left() -> None:
    view = report.progress(500, 2000, {"applied": 498, "rejected": 2}, started=0, now=10, label="changes")
    assert str(view) == "500 of 2,000 changes · 50/s · 30 s left · 498 applied · 2 rejected"
    assert "width:25.0%" in html(view)
    assert str(report.progress(0, 0, started=5, now=5, label="people")) == "0 people"


def test_progress_never_waits_for_nothing_and_once_ended_says_what_it_came_to() -> None:
    assert "less than a second left" in str(report.progress(195, 197, started=0, now=3))
    ended = str(report.progress(195, 197, started=0, now=3, label="people found", ended=True))
    assert ended.startswith("195 of 197 people found")
    assert ended.endswith("in 3 s")


class Handle:
    """Stands in for IPython's display handle."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def __call__(self, view: report.View) -> "Handle":
        self.update(view)
        return self

    def update(self, view: report.View) -> None:
        self.shown.append(str(view))


def test_progress_moves_one_handle_at_most_five_times_a_second(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "authops.progress")
    now, handle = [0.0], Handle()
    bar = report.Progress("changes", 1000, clock=lambda: now[0], display=handle, every=5)
    for done in range(1000):
        now[0] = done / 100
        bar.tick(done + 1)
    bar.done()
    assert 40 <= len(handle.shown) <= 52
    assert handle.shown[-1].startswith("1,000 of 1,000 changes")
    assert len(caplog.records) == 2


def notebook(folder: Path) -> Path:
    new = nbformat.v4
    secret = new.new_code_cell(
        "password = 'in the code'",
        outputs=[
            new.new_output("stream", name="stderr", text="warned of something"),
            new.new_output("stream", name="stdout", text="<b>printed</b>"),
            new.new_output("display_data", {"application/javascript": "alert(1)"}),
            new.new_output(
                "display_data",
                {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/html": "<p>fallback</p>"},
            ),
            new.new_output("execute_result", {"text/html": html(report.changes(changes(change())))}),
        ],
    )
    last = new.new_code_cell("close()", outputs=[new.new_output("stream", name="stdout", text="all went well")])
    last.metadata["tags"] = ["outcome"]
    book = new.new_notebook(cells=[new.new_markdown_cell("# Preview\nof a plan"), secret, last])
    nbformat.write(book, folder / "a.ipynb")
    return folder / "a.ipynb"


def test_the_page_loads_nothing_runs_nothing_and_hides_the_code(tmp_path: Path) -> None:
    page = report_page.to_html(notebook(tmp_path), tmp_path / "a.html", title="Pre<view").read_text("utf-8")
    assert not re.search(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//|@import|url\(""", page)
    assert "<script" not in page
    policy = next(meta for meta in re.findall(r"<meta[^>]+>", page) if "Content-Security-Policy" in meta)
    assert "default-src 'none'; script-src 'none'" in policy
    assert "in the code" not in page and "warned of something" not in page
    assert "&lt;b&gt;printed" in page and "user1@x.org" in page and "<p>fallback</p>" in page
    assert "<title>Pre&lt;view</title>" in page
    assert page.index("<h1") < page.index("all went well") < page.index("user1@x.org")
    assert len(page) < 100_000


def test_the_answer_stands_before_what_the_page_says_about_itself(tmp_path: Path) -> None:
    markdown, output = nbformat.v4.new_markdown_cell, nbformat.v4.new_output
    shown = [output("execute_result", {"text/html": f"<b>{word}</b>"}, execution_count=1) for word in ("SUM", "END")]
    cells = [
        markdown(
            "# Audit\nWho has what?\n\n| | |\n|---|---|\n| **needs** | much |\n\n**Next:** [2_preview](2_preview.ipynb)"
        ),
        markdown("## Where?\nEach once."),
        nbformat.v4.new_code_cell("1", outputs=[shown[0]], metadata={"tags": ["summary"]}),
        markdown("## Done\nGo to [apply](3_apply.ipynb), or [the docs](https://learn.example)."),
        nbformat.v4.new_code_cell("2", outputs=[shown[1]], metadata={"tags": ["outcome"]}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    page = report_page.page(tmp_path / "n.ipynb", title="Audit")
    body = page[page.index("<main>") :]
    places = [
        body.index(word)
        for word in ("Who has what?", ">END<", "Each once.", ">SUM<", "About this page", "much", "Go to")
    ]
    assert places == sorted(places)
    assert ".ipynb" not in body
    assert "2_preview" in body
    assert 'href="https://learn.example"' in body


def test_what_broke_is_said_under_the_title_and_the_traceback_is_folded(tmp_path: Path) -> None:
    words = f"HTTP 403 {EVIL}\n  \u2192 ask somebody"
    trace = ["\x1b[31mGraphError\x1b[39m Traceback", "in ao.tenant.registrations"]
    error = nbformat.v4.new_output("error", ename="GraphError", evalue=words, traceback=trace)
    loud = {"tags": ["papermill-error-cell-tag"]}
    cells = [
        nbformat.v4.new_markdown_cell("<span>An Exception was encountered</span>", metadata=loud),
        nbformat.v4.new_markdown_cell("# Audit\nWho?\n\nmore"),
        nbformat.v4.new_markdown_cell("## Read"),
        nbformat.v4.new_code_cell("1", outputs=[error]),
        nbformat.v4.new_markdown_cell("## Never reached"),
        nbformat.v4.new_code_cell("2"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    page = report_page.page(tmp_path / "n.ipynb", title="Audit")
    body = page[page.index("<main>") :]
    assert body.index("Who?") < body.index("It broke: GraphError: HTTP 403") < body.index("About this page")
    assert body.count("ask somebody") == 2
    assert body.index("<details><summary>traceback") < body.index("ao.tenant.registrations")
    assert not re.search(r"An Exception|Never reached|<img|\x1b|ansi", body)


def test_a_picture_that_a_cell_shows_has_words_for_who_cannot_see_it(tmp_path: Path) -> None:
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    cells = [nbformat.v4.new_markdown_cell("# Audit"), nbformat.v4.new_code_cell("1", outputs=[picture])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    assert re.search(r'<img[^>]* alt="[^"]+', report_page.page(tmp_path / "n.ipynb", title="Audit"))


def test_a_reason_for_no_witness_is_escaped_once() -> None:
    view = report.witness(pd.DataFrame(), pd.DataFrame(), "it isn't <there>")
    assert "isn&#x27;t &lt;there&gt;" in view.html
    assert "&amp;" not in view.html
