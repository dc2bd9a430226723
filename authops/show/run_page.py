"""A run's first page: how each runbook ended, with its page, and what else lies in the folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from authops.show.views import View, box, facts_of, table, text

NAME: Final = "index.html"
KINDS: Final = {"done": "add", "nothing to do": "keep", "attention": "update"}
_PAGES: Final = re.compile(r'<nav class="pages">.*?</nav>', re.DOTALL)
_HEAD: Final = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="'
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"><meta name=\"viewport\" "
    'content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>{title}</title>'
    "<style>:root{{color-scheme:light dark;--page:#fff;--page-ink:#1f2328;--page-rule:#d1d9e0;--page-link:#0757b8}}"
    "@media (prefers-color-scheme:dark){{:root{{--page:#15191f;--page-ink:#e6e9ed;--page-rule:#363d46;"
    "--page-link:#6cb0ff}}}}body{{margin:0 auto;padding:32px 24px 64px;max-width:1120px;background:var(--page);"
    "color:var(--page-ink);font:15px/1.55 system-ui,sans-serif}}h1{{font-size:28px;margin:0 0 .3em}}"
    "a{{color:var(--page-link)}}</style></head><body><main>"
)


def page(name: str, whole: Mapping[str, Any], pages: Mapping[str, str], files: Sequence[str]) -> str:
    """`whole`: outcome.json; `pages`: runbook → its page; `files`: what else people may open."""
    tenant = f"{whole.get('tenant') or whole.get('connection', '')} ({whole.get('tenant_id', 'tenant not known')})"
    facts = {"tenant": tenant, "by": str(whole.get("by", "")), "ended": str(whole.get("ended_at") or "not yet")}
    status = str(whole.get("status", "unfinished"))
    rows = [_row(runbook, entry, pages.get(runbook, "")) for runbook, entry in whole.get("runbooks", {}).items()]
    others = "".join(f'<li><a href="{text(file)}">{text(file)}</a></li>' for file in files)
    told = f"{status}, exit code {whole.get('exit_code', 1)}"
    shown = box(told, KINDS.get(status, "remove")) + facts_of(facts).html
    shown += table(["runbook", "status", "how it ended", "at"], rows)
    shown += f"<h2>Files</h2><ul>{others}</ul>" if others else ""
    view = View(shown, told)
    return f"{_HEAD.format(title=text(name))}<h1>Run {text(name)}</h1>{view._repr_html_()}</main></body></html>\n"


def _row(runbook: str, entry: Mapping[str, Any], page: str) -> tuple[str, list[str]]:
    name = f'<a href="{text(page)}">{text(runbook)}</a>' if page else text(runbook)
    status, said = str(entry.get("status", "")), str(entry.get("headline", ""))
    at = str(entry.get("finished_at", ""))
    return KINDS.get(status, "remove"), [name, text(status), text(said), text(at)]


def with_links(html: str, own: str, pages: Mapping[str, str]) -> str:
    """A page that leads to the others of its run; which these are is known only at the end."""
    links = [f'<a href="{NAME}">this run</a>']
    for runbook, page in pages.items():
        links.append(f"<b>{text(runbook)}</b>" if page == own else f'<a href="{text(page)}">{text(runbook)}</a>')
    return _PAGES.sub(lambda _: f'<nav class="pages">{" · ".join(links)}</nav>', html, count=1)
