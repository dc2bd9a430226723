"""Homes of demo tenants that have their keys already: making three is a quarter of a second of every tenant."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from authops.demo.login import certificates


def furnished(home: Path) -> Path:
    """The folder with certificates and keys that this process made once."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    for name, content in _keys().items():
        certificates.write(home / name, content)
    return home


@cache
def _keys() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        certificates.prepare(Path(folder), datetime.now(UTC))
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}
