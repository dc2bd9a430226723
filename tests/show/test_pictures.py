"""What an analyst looks at: charts that say their figures, texts that stay texts, widgets that pick whom they say."""

import itertools
import re
from pathlib import Path

import pandas as pd
import pytest

from authops.audit import coverage, quality, trend
from authops.audit.coverage import STANDINGS
from authops.campaign.rules import REASONS
from authops.show import charts, explore, exposure, palette, pictures
from authops.words.frames import COVERAGE, DETAILS, DIFFERENCES, NUDGES, empty, frame

EVIL = "<img src=x onerror=alert(1)>"


def person(number: int, standing: str = "phone only", **more: str) -> dict[str, str]:
    row = dict.fromkeys(COVERAGE, "") | {"user_id": f"u{number}", "user_principal_name": f"user{number}@x.org"}
    row |= {"account": "enabled", "admin": "no", "user_type": "Member", "standing": standing}
    return row | {"department": f"Department {number % 3}"} | more


@pytest.fixture
def covered() -> pd.DataFrame:
    standings = list(STANDINGS)
    return frame(COVERAGE, [person(n, standings[n % len(standings)]) for n in range(60)])


def test_a_bar_is_divided_by_share_and_each_part_says_its_figures() -> None:
    svg = charts.stacked([("all", {"a": 30, "b": 10, "c": 0})], {"a": "add", "b": "bar", "c": "keep"}, title="T")
    widths = [float(w) for w in re.findall(r'<rect[^>]* width="([\d.]+)"', svg)]
    assert len(widths) == 2
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)
    assert "<title>a: 30 of 40 (75.0%)</title>" in svg
    assert "var(--add)" in svg


def test_a_bar_of_nobody_is_empty_and_a_label_is_a_text() -> None:
    svg = charts.stacked([(EVIL, {"a": 0})], {"a": "add"}, title=EVIL)
    assert "<rect" not in svg
    assert "<img" not in svg


@pytest.mark.parametrize(("label", "most"), [("a" * 45, 38), ("部" * 20, 19), ("WOMEN AND MEN OF THE WAREHOUSE", 29)])
def test_a_label_that_is_too_wide_keeps_its_beginning(label: str, most: int) -> None:
    svg = charts.stacked([(label, {"a": 1})], {"a": "add"}, title="T")
    shown = re.search(r'text-anchor="end"><title>[^<]+</title>([^<]+)<', svg)[1]
    assert label.startswith(shown.removesuffix("…"))
    assert len(label) > len(shown) - 1
    assert 10 < len(shown) <= most
    assert "</title>Human Resources<" in charts.stacked([("Human Resources", {"a": 1})], {"a": "add"}, title="T")


def test_lines_go_up_when_shares_do_and_names_do_not_cover_each_other() -> None:
    moments, series = ["2026-01", "2026-02", "2026-03"], {"up": [0.1, 0.2, 0.4], "down": [0.4, 0.3, 0.38]}
    svg = charts.lines(moments, series, {"up": "add", "down": "remove"}, title="T")
    points = [re.findall(r"([\d.]+),([\d.]+)", line) for line in re.findall(r'points="([^"]+)"', svg)]
    heights = [[float(y) for _, y in line] for line in points]
    assert heights[0][0] > heights[0][1] > heights[0][2]
    ends = [float(y) for y in re.findall(r'y="([\d.]+)">\d+% (?:up|down)<', svg)]
    assert abs(ends[0] - ends[1]) > 15.9
    assert all(moment in svg for moment in moments)


def test_reasons_of_a_campaign_stay_apart_by_letter_and_beside_each_other_by_colour() -> None:
    named = [palette.mark(reason) for reason in REASONS]
    assert sorted(set(named)) == sorted(named)
    colours = [pictures.REASON_COLOURS[reason] for reason in REASONS]
    assert not [pair for pair in itertools.pairwise(colours) if len(set(pair)) == 1]
    assert pictures.REASON_COLOURS["unknown"] == pictures.COLOURS["unknown"] == exposure.COLOURS["not known"]


def test_many_moments_have_few_labels_and_one_moment_is_drawn() -> None:
    many = [f"2026-{n:02}" for n in range(40)]
    svg = charts.lines(many, {"a": [0.5] * 40}, {"a": "add"}, title="T")
    assert svg.count("2026-") <= 8
    assert many[-1] in svg
    assert "<circle" in charts.lines(["x"], {"a": [0.5]}, {"a": "add"}, title="T")


def test_tiles_count_everybody_once_and_name_the_administrators_at_risk(covered: pd.DataFrame) -> None:
    view = pictures.standings(pd.concat([covered, frame(COVERAGE, [person(99, admin="yes")])], ignore_index=True))
    assert sum(int(n) for n in re.findall(r"<b>(\d+)</b>", view.html)) == 61
    assert "1 of 1 administrators rely on phones, or on less" in view.plain


def test_two_audits_of_one_day_are_told_apart(covered: pd.DataFrame) -> None:
    said = trend.tally(covered)
    moments = ["2026-01-02T08:30:00+00:00", "2026-01-02T16:45:00+00:00"]
    picture = pictures.trend(trend.over_time([(at, said) for at in moments])).html
    assert ">01-02 08:30<" in picture
    assert ">01-02 16:45<" in picture
    other = pictures.trend(trend.over_time([("2026-01-01T08:30:00+00:00", said), (moments[1], said)])).html
    assert ">2026-01-01<" in other


def test_what_is_not_known_is_no_good_news() -> None:
    dark = frame(COVERAGE, [person(n, "unknown", admin="yes") for n in range(3)])
    assert "3 administrators rely on phones, or on less; 3 are unknown" in pictures.standings(dark).plain
    assert 'class="box keep"' in pictures.standings(dark).html
    assert "Nobody can be judged" in pictures.to_look_at(dark).plain
    for nobody in (dark.iloc[:0], dark.assign(admin="unknown")):
        assert "Nobody is known to be an administrator" in pictures.standings(nobody).plain
        assert 'class="box add"' not in pictures.to_look_at(nobody).html
    good = pd.concat([dark, frame(COVERAGE, [person(9, "app or key")])], ignore_index=True)
    assert 'class="box add"' in pictures.to_look_at(good).html


def test_values_beyond_the_largest_are_counted_together(covered: pd.DataFrame) -> None:
    wide = covered.assign(department=[f"D{n}" for n in range(60)])
    view = pictures.dimension(wide, "department", most=10)
    assert "50 others" in view.plain
    assert sum(int(line.split()[1]) for line in view.plain.splitlines()[1:11]) == 10


@pytest.mark.parametrize("column", ["user_principal_name", "department", "country", "methods"])
def test_no_text_of_a_person_becomes_markup(covered: pd.DataFrame, column: str) -> None:
    data = covered.assign(**{column: EVIL})
    views = [pictures.people(data), pictures.to_look_at(data), pictures.dimensions(data)]
    assert not [view for view in views if "<img" in view.html]


def test_no_text_of_a_movement_or_a_campaign_becomes_markup() -> None:
    moved = frame(DIFFERENCES, [dict.fromkeys(DIFFERENCES, EVIL) | {"change": kind} for kind in trend.KINDS])
    asked = frame(NUDGES, [dict.fromkeys(NUDGES, EVIL) | {"before": "a", "after": "a", "change": "newly asked"}])
    target = [{"targetType": EVIL, "id": "i"}]
    settings = pictures.settings({"state": EVIL}, {"includeTargets": target}, {"i": EVIL})
    views = [pictures.differences(moved), pictures.nudges(asked, {"a": EVIL}), settings]
    assert not [view for view in views if "<img" in view.html]
    assert "8 shown" in pictures.differences(moved).plain or "8 of 8 shown" in pictures.differences(moved).plain


def test_numbers_of_a_scope_are_masked_and_the_unread_are_said() -> None:
    row = {
        "user_id": "u",
        "user_principal_name": "u@x.org",
        "method": "mobile",
        "known": True,
        "value": "+31 612345678",
    }
    row |= {"is_default": True, "sms_sign_in": "ready", "created_at": "2026-01-01T00:00:00Z", "error": ""}
    gone = row | {"user_id": "v", "method": "", "known": False, "value": "", "sms_sign_in": "", "error": "HTTP 404"}
    nothing = gone | {"user_id": "w", "known": True, "error": ""}
    data = frame(DETAILS, [row, gone, nothing]).assign(changed_at="2026-01-01T00:00:00Z", changed_by="")
    view = pictures.details(data)
    assert "345678" not in view.html + view.plain
    assert "not known: HTTP 404" in view.plain
    assert "none but a password" in view.plain
    assert "1 unread" in pictures.quality(pd.DataFrame(columns=quality.FINDINGS), data).plain
    assert "No scope was asked for" in pictures.quality(pd.DataFrame(), empty(DETAILS)).plain


def test_drilling_down_picks_whom_it_says(covered: pd.DataFrame) -> None:
    it = explore.DrillDown(covered)
    assert len(it.chosen) == 60
    it.value.value = "Department 1"
    assert set(it.chosen["department"]) == {"Department 1"}
    it.standing.value = "app or key"
    assert set(it.chosen["standing"]) == {"app or key"}
    it.search.value = "USER7@"
    assert list(it.chosen["user_id"]) == ["u7"]
    assert "user7@x.org" in it._list.value
    it.dimension.value = "country"
    assert (it.value.value, it.value.options) == (explore.EVERYBODY, (explore.EVERYBODY, "(not set)"))


def test_drilling_down_says_what_it_shows_worst_first_and_writes_just_that(
    covered: pd.DataFrame, tmp_path: Path
) -> None:
    it = explore.DrillDown(covered, folder=tmp_path)
    worst = {standing: place for place, standing in enumerate(explore.DrillDown.lens.worst)}
    places = [worst[standing] for standing in it.chosen["standing"]]
    assert places == sorted(places)
    counted = coverage.by(covered, "department").set_index("value")
    weak = counted[list(coverage.WEAK)].sum(axis=1) / counted["users"]
    shown = [weak[row] for row in re.findall(r'data-row="(Department [^"]+)"', it._chart.html)]
    assert shown == sorted(shown, reverse=True)
    it.value.value = "Department 1"
    assert ">Department 1<" in it._chart.html
    assert ">everybody<" not in it._chart.html
    assert "department Department 1" in it._list.value
    it.cross.value = "admin"
    assert "Coverage by admin" in it._chart.html
    it.cross.value = "nothing else"
    it.value.value = explore.EVERYBODY
    it._chart.set_trait("pick", "app or key")
    it._chart.set_trait("row", "Department 1")
    it._chart.clicked += 1
    assert (it.value.value, it.standing.value) == ("Department 1", "app or key")
    it.export.click()
    kept = pd.read_csv(tmp_path / "shown-standing.csv")
    assert set(kept["user_id"]) == set(it.chosen["user_id"])
    assert 0 < len(kept) < len(covered)


def test_two_dimensions_cross_and_the_roles_of_weak_administrators_are_told() -> None:
    helpdesk = {"admin": "yes", "roles": "Helpdesk Administrator; Reports Reader"}
    rows = [person(1, **helpdesk), person(2, "app or key", **helpdesk), person(4, admin="yes", roles="not known")]
    people = frame(COVERAGE, [*rows, person(3, roles="no role"), person(7, "nothing", roles="no role")])
    it = explore.DrillDown(people)
    it.cross.value = "role"
    assert "Coverage by department and role" in it._chart.html
    shown = re.findall(r'data-row="([^"]+)"', it._chart.html)
    assert "Department 1 \u00b7 Helpdesk Administrator" in shown
    assert shown[-1].startswith("Department 2")  # who has an app comes last
    it._chart.set_trait("row", "Department 1 \u00b7 Helpdesk Administrator")
    it._chart.clicked += 1
    assert (it.value.value, it.crossed.value) == ("Department 1", "Helpdesk Administrator")
    assert list(it.chosen["user_id"]) == ["u1"]
    assert "1 people: department Department 1, role Helpdesk Administrator, wherever" in it._list.value
    it.value.value = explore.EVERYBODY
    assert "Coverage by department<" in it._chart.html
    assert set(it.chosen["user_id"]) == {"u1", "u2"}
    said = pictures.standings(people).plain
    assert "2 of 3 administrators" in said
    assert "(1 Helpdesk Administrator, 1 Reports Reader, 1 not known)" in said
    dark = pictures.standings(people.assign(roles="not known")).plain
    assert "which roles is not known" in dark
    assert "Helpdesk Administrator; Reports Reader" in pictures.people(people).plain


def test_without_a_kernel_the_widget_is_the_picture_it_showed(covered: pd.DataFrame) -> None:
    data, _ = explore.DrillDown(covered.assign(display_name=EVIL, department=EVIL))._repr_mimebundle_()
    assert "<svg" in data["text/html"]
    assert "<img" not in data["text/html"]
