"""What a person who installs the package gets: the grid's face and the page's template go with it."""

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_the_files_that_are_not_python() -> None:
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    kept = {
        str(path.relative_to(ROOT)) for kind in ("*.js", "*.css", "*.j2") for path in (ROOT / "authops").rglob(kind)
    }
    assert len(kept) >= 3
    assert kept <= shipped
