"""What worlds leave out to be cheap: work of libraries whose result is known. Every sixteenth world leaves nothing out.

None of it is the package's own: the same bytes of a table are decoded once, rows of a small frame become mappings
without pandas' general way, and a request goes to the line past httpx's layers.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.core.dtypes import generic
from pandas.core.generic import NDFrame

from authops.graph import client as clients

# Every so manieth world goes the libraries' whole way, and keeps its texts as pandas does by default; the others as
# Python's own, which is the same, and for frames of a few rows a third faster.
_WHOLE = 16
_MOST = 400
_tables: dict[Any, Any] = {}
_whole = False


def begin(seed: int) -> None:
    """A world begins: with shortcuts, or without any."""
    global _whole  # noqa: PLW0603
    _whole = is_whole(seed)
    pd.options.mode.string_storage = "auto" if _whole else "python"


def is_whole(seed: int) -> bool:
    return seed % _WHOLE == 0 or "WORLDS_WHOLE" in os.environ


def settle_in() -> None:
    """Once in a process."""
    pa.set_cpu_count(1)
    _ask_python()
    pd.read_parquet = _kept(pd.read_parquet, lambda found: found.copy(deep=False))  # type: ignore[assignment]
    pq.read_table = _kept(pq.read_table, lambda found: found)
    pd.DataFrame.to_dict = _records(pd.DataFrame.to_dict)  # type: ignore[method-assign]


def _ask_python() -> None:
    """pandas asks classes of its own, written in Python, of what kind a thing is; here Python itself is asked."""
    kinds: dict[Any, Any] = {
        generic.ABCSeries: pd.Series,
        generic.ABCDataFrame: pd.DataFrame,
        generic.ABCIndex: pd.Index,
        generic.ABCNDFrame: NDFrame,
        generic.ABCExtensionArray: pd.api.extensions.ExtensionArray,
        generic.ABCNumpyExtensionArray: pd.arrays.NumpyExtensionArray,
        generic.ABCMultiIndex: pd.MultiIndex,
        generic.ABCRangeIndex: pd.RangeIndex,
    }
    modules = [module for name, module in sys.modules.items() if name.startswith("pandas.")]
    for module in modules:
        for name, value in list(vars(module).items()):
            if name.startswith("ABC") and value in kinds:
                setattr(module, name, kinds[value])


def _kept(read: Callable[..., Any], handed: Callable[[Any], Any]) -> Callable[..., Any]:
    """The same bytes are decoded once."""

    def kept(path: Any, **how: Any) -> Any:
        if _whole or not isinstance(path, Path) or not path.is_file():
            return read(path, **how)
        key = read, hashlib.sha256(path.read_bytes()).digest(), repr(how)
        if key not in _tables:
            if len(_tables) > _MOST:
                _tables.clear()
            _tables[key] = read(path, **how)
        return handed(_tables[key])

    return kept


def _records(to_dict: Callable[..., Any]) -> Callable[..., Any]:
    def records(self: pd.DataFrame, orient: str = "dict", **how: Any) -> Any:
        if _whole or orient != "records" or how or not self.columns.is_unique:
            return to_dict(self, orient, **how)
        names = list(self.columns)
        columns = [self[name].tolist() for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    return records


class _Near(httpx.AsyncClient):
    """Hands a request to its transport, without looking for proxies, redirects and cookies."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.line, self.is_open = transport, True

    @property
    def is_closed(self) -> bool:
        return not self.is_open

    async def aclose(self) -> None:
        self.is_open = False

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        try:
            answer = await self.line.handle_async_request(request)
        except httpx.RequestError as error:
            error.request = request
            raise
        answer.request = request
        return answer


class Client(clients._Client, _Near):
    """The package's client, with the shortest way to the line behind it."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        _Near.__init__(self, transport)
