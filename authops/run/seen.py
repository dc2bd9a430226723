"""What an interactive run showed, cell by cell, so that it leaves the notebook and the page that a headless run leaves.

The kernel does not know the notebook it runs: it hears which cell runs and what that shows, and finds the words between
the cells in the notebook's own file.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from authops.run import runbook
from authops.show.head import HEAD
from authops.show.views import View, notebook_shell

_log = logging.getLogger(__name__)
_SHOWN: Final = ("text/html", "text/plain", "image/png", "image/svg+xml")


class Seen:
    """Hears what the cells of this kernel show, from the first run on."""

    def __init__(self, shell: Any) -> None:
        self.outputs: dict[str, list[dict[str, Any]]] = {}
        self.sources: dict[str, str] = {}
        self._cell, self._running, self._named = "", True, dict[str, dict[str, Any]]()
        self._due: Callable[[], object] | None = None
        shell.events.register("pre_run_cell", self._begins)
        shell.events.register("post_run_cell", self._ended)
        for publisher in (shell.display_pub, shell.displayhook):
            publisher.register_hook(self._shown)

    def _begins(self, info: Any) -> None:
        self._cell = str(getattr(info, "cell_id", None) or "")
        self._running = True
        self.outputs[self._cell], self.sources[self._cell] = [], str(info.raw_cell)

    def _shown(self, message: dict[str, Any]) -> dict[str, Any]:
        """Remember it, and let it go on its way."""
        with suppress(Exception):
            self._remember(message["header"]["msg_type"], message["content"])
        return message

    def _remember(self, kind: str, content: Mapping[str, Any]) -> None:
        name = str(content.get("transient", {}).get("display_id") or "")
        data = {mime: value for mime, value in content.get("data", {}).items() if mime in _SHOWN}
        if name.startswith(HEAD) or kind not in ("display_data", "update_display_data", "execute_result"):
            return
        if kind == "update_display_data":
            if name in self._named:
                self._named[name]["data"] = data
            return
        output = _output(data)
        self.outputs.setdefault(self._cell, []).append(output)
        if name:
            self._named[name] = output

    def after_this_cell(self, due: Callable[[], object]) -> None:
        """Do that once the cell that runs now has shown what it shows; at once where none runs."""
        self._due = due
        if not self._running:
            self._ended(None)

    def _ended(self, _result: object) -> None:
        self._running = False
        due, self._due = self._due, None
        if due:
            try:
                due()
            except Exception as error:  # a page that cannot be made changes nothing about how a run ended
                _log.warning("no page of this run: %s: %s", type(error).__name__, error)

    def book(self, name: str, answer: View) -> dict[str, Any]:
        """The notebook with what was shown: of the file that is open, else as it is committed."""
        book = json.loads(_open(name).read_text("utf-8"))
        for cell in book["cells"]:
            if cell["cell_type"] == "code":
                cell["source"] = self.sources.get(cell.get("id", ""), cell["source"])
                cell["outputs"] = [o for o in self.outputs.get(cell.get("id", ""), []) if o["data"]]
                cell["execution_count"] = None
                if "outcome" in cell["metadata"].get("tags", []):
                    cell["outputs"] = [_output({"text/html": answer._repr_html_(), "text/plain": answer.plain})]
        return dict(book)


def _output(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def _open(name: str) -> Path:
    """The notebook's file: Jupyter names it beside the kernel's own folder."""
    told = Path.cwd() / Path(os.environ.get("JPY_SESSION_NAME", "")).name
    committed = runbook.notebook(name)
    return told if told.suffix == ".ipynb" and told.is_file() else committed


_hearing: Final[list[Seen]] = []


def hear() -> None:
    """From now on remember what is shown; in an interactive notebook only, and once."""
    shell = notebook_shell()
    if shell is not None and not os.environ.get("AUTHOPS_HEADLESS") and not _hearing:
        with suppress(AttributeError):  # another kernel than ipykernel's: then there is no page
            _hearing.append(Seen(shell))


def leave(name: str, folder: Path, answer: View) -> None:
    """Once the cell that runs has ended: the notebook as it was seen, scanned and masked, its page, and the index.

    `answer`: how it ended, in place of what its last cell shows.
    """
    for seen in _hearing:
        seen.after_this_cell(partial(_leave, seen, name, folder, answer))


def _leave(seen: Seen, name: str, folder: Path, answer: View) -> None:
    from authops.run import publish
    from authops.words import disk, redaction

    known = publish.Known(folder, set(redaction.secrets_of(os.environ)))
    path = folder / runbook.notebook(name).name
    scanner = known.scanner()
    disk.write(path, json.dumps(scanner.tree(seen.book(name, answer)), indent=1, ensure_ascii=False) + "\n")
    publish.page(path, scanner)
    publish.index(folder)
