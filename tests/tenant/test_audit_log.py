"""The audit log over Graph's report limit: how long it takes; the clock is virtual."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from authops.tenant import audit_log
from tests.graph.test_client import HERE, Standin, graph

COUNT = 3319
SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def record(number: int) -> dict[str, Any]:
    changed = [{"oldValue": None, "newValue": "3179e48a-750b-4051-897c-87b9720928f7"}]
    target = {"id": f"u{number}", "modifiedProperties": changed}
    return {"id": f"a{number}", "activityDateTime": "2026-11-01T00:00:00Z", "targetResources": [target]}


class Log:
    """An audit log of COUNT changes, a hundred to a page unless told otherwise; more than `most` is refused."""

    def __init__(self, most: int) -> None:
        self.most, self.pages = most, 0
        self.time = Standin(lambda _part, _time: (200, {}, {}))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.pages += 1
        size, begin = (int(request.url.params.get(name, 0)) for name in ("$top", "$skiptoken"))
        if size > self.most:
            return httpx.Response(400, json={"error": {"code": "BadRequest", "message": "Invalid page size."}})
        end = begin + (size or 100)
        link = {"@odata.nextLink": f"{HERE}/v1.0/auditLogs/directoryAudits?$top={size}&$skiptoken={end}"}
        found = [record(n) for n in range(begin, min(end, COUNT))]
        return httpx.Response(200, json={"value": found} | (link if end < COUNT else {}))

    def read(self) -> int:
        async def done() -> int:
            async with graph(self, sleep=self.time.sleep, clock=self.time.clock) as way:
                return len(await audit_log.records(way, SINCE, [f"u{n}" for n in range(COUNT)]))

        return asyncio.run(done())


def test_the_records_of_thousands_of_changes_are_a_few_large_pages() -> None:
    log = Log(most=999)
    assert log.read() == COUNT
    assert (log.pages, log.time.now) == (4, 0.0)


@pytest.mark.parametrize("most", [100, 500, 998])
def test_where_large_pages_are_refused_the_records_come_on_smaller_ones(most: int) -> None:
    log = Log(most)
    assert log.read() == COUNT
    assert log.pages == 1 + 34
