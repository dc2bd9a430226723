"""What the campaign as it is will do with people; not known where it could not be read."""

from __future__ import annotations

import logging

import pandas as pd

from authops.campaign import registration
from authops.graph.client import Graph
from authops.words.errors import GraphError

_log = logging.getLogger(__name__)


async def verdicts(graph: Graph, coverage: pd.DataFrame) -> pd.Series[str]:
    """For each person of COVERAGE one of REASONS under the present settings, or unknown."""
    try:
        policy = await registration.read(graph)
        return await registration.reasons(graph, policy, policy.settings, coverage)
    except GraphError as error:
        _log.warning("what the registration campaign will do is not known: %s", error)
        return pd.Series("unknown", index=coverage.index, dtype="str")
