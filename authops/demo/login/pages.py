"""The pages of the demo login, plain. Source: v2-oauth2-auth-code-flow, -device-code."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authops.demo.login.person import Person

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}"
    "input{font:inherit;width:100%;padding:.4rem;box-sizing:border-box}label{display:block;margin:1rem 0 .3rem}"
    "button{font:inherit;padding:.4rem 1.2rem;margin:1rem .5rem 0 0}.no{color:#a40000}.demo{color:#666}"
)


def page(title: str, body: str) -> str:
    """Return a whole page."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    demo = '<p class="demo">Demo login: no password is asked, and nothing here leads to a real tenant.</p>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{escape(title)}</h1>{body}{demo}</body></html>'


def _field(name: str, label: str, value: str = "", more: str = "") -> str:
    return (
        f'<label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" value="{escape(value)}" autocomplete="off" {more}>'
    )


def _hidden(values: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in values)


def _people(people: Iterable[Person]) -> str:
    rows = (f'<option value="{escape(p.upn)}">{escape(p.name)} {escape(", ".join(p.roles))}</option>' for p in people)
    return f'<datalist id="people">{"".join(rows)}</datalist>'


def choose(
    action: str, client: str, names: Iterable[str], people: Iterable[Person], values: dict[str, str], hint: str = ""
) -> str:
    """Return the page on which somebody says who they are, and consents."""
    asked = "".join(f"<li>{escape(name)}</li>" for name in names)
    who = _field("user", "Who are you? (user principal name)", hint, 'list="people" required autofocus')
    buttons = '<button name="answer" value="accept">Accept</button>'
    buttons += '<button name="answer" value="decline" formnovalidate>Cancel</button>'
    form = (
        f'<form method="post" action="{escape(action)}">{_hidden(values.items())}{who}{_people(people)}{buttons}</form>'
    )
    return page("Sign in", f"<p><strong>{escape(client)}</strong> would like to:</p><ul>{asked}</ul>{form}")


def enter_code(action: str, code: str = "", no: str = "") -> str:
    """Return the page on which the code of a device is entered."""
    said = f'<p class="no" role="alert">{escape(no)}</p>' if no else ""
    field = _field("otc", "Enter the code displayed on your app or device", code, "required autofocus")
    form = f'<form method="get" action="{escape(action)}">{field}<button>Next</button></form>'
    return page("Enter code", said + form)


def said(title: str, text: str) -> str:
    """Return a page that only says something."""
    return page(title, f"<p>{escape(text)}</p>")


def answer_form(address: str, values: dict[str, str]) -> str:
    """Return the page that brings an answer to its application by a form (response_mode=form_post)."""
    form = f'<form method="post" action="{escape(address)}">{_hidden(values.items())}<button>Continue</button></form>'
    return page("Signed in", form + "<script>document.forms[0].submit()</script>")
