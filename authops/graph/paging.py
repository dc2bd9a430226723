"""Where a list's next pages lead: on, or nowhere. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from authops.words.errors import GraphPagesError

# Twenty million people, 999 to a page.
MOST_PAGES: Final = 20_000
# Graph may send empty pages (advanced queries, delta), and a page again when the list grew meanwhile; not for ever.
MOST_IDLE: Final = 100
_FOREIGN: Final = "the token goes nowhere but to the connection's graph_url; look for a proxy that rewrites answers"
_REMEDY: Final = "what was read is not everything, so it is not used; run it again, and tell Microsoft when it stays"


@dataclass
class Course:
    """How far a list was followed, page after page, on the host of `root`. `request` names the list in errors."""

    root: str
    request: str
    _links: set[str] = field(default_factory=set)
    _pages: set[tuple[int, ...]] = field(default_factory=set)
    _idle: int = 0

    def here(self, link: Any) -> str:
        """A link to a next page, "" for none. Raises `GraphPagesError` for another host: it would get the token."""
        url = str(link or "")
        if url and origin(url) != origin(self.root):
            raise self._lost("the next page is on another host, so it was not asked for", _FOREIGN)
        return url

    def after(self, url: str, items: Sequence[Mapping[str, Any]], link: Any) -> str:
        """The link that follows the page at `url`, "" at the end. Raises `GraphPagesError` when there is no end."""
        self._links.add(url)
        self._notice(items)
        further = self.here(link)
        if further in self._links:
            raise self._lost("the next page is a page that was already read", _REMEDY)
        if further and self._idle > MOST_IDLE:
            raise self._lost(f"{self._idle} pages in a row had nothing new, and still there is a next", _REMEDY)
        if further and len(self._links) >= MOST_PAGES:
            raise self._lost(f"there is a next page after {MOST_PAGES:,}, more than could be", _REMEDY)
        return further

    def _notice(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Pages are told apart by how many items they have and what the first and the last are."""
        page = (len(items), *(hash(repr(item)) for item in (items[0], items[-1]))) if items else (0,)
        self._idle = self._idle + 1 if not items or page in self._pages else 0
        self._pages.add(page)

    def _lost(self, said: str, remedy: str) -> GraphPagesError:
        return GraphPagesError(said, status=200, request=self.request, remedy=remedy)


def origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of an address; of what is none, itself."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or ""), parts.port or 443
    except ValueError:
        return url, "", 0
