"""The page to sign in: plain HTML that needs no script."""

from __future__ import annotations

from urllib.parse import quote

from assistant.ui.languages import current, direction, told, tr
from assistant.ui.views.markup import Html, tag
from assistant.ui.views.settings import language_form

_STYLE = """
:root { color-scheme: light dark; --ink: #1e293b; --soft: #475569; --line: #64748b; --back: #f8fafc; --card: #fff;
  --main: #3730a3; --on-main: #fff; --problem: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #f1f5f9; --soft: #cbd5e1; --line: #94a3b8; --back: #0f172a;
  --card: #1e293b; --main: #a5b4fc; --on-main: #1e1b4b; --problem: #fda29b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--back);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: min(24rem, 100%); padding: 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .8rem; }
h1 { margin: 0 0 .25rem; font-size: 1.5rem; }
p { margin: 0 0 1rem; color: var(--soft); }
.problem { color: var(--problem); font-weight: 600; }
label { display: block; margin: .75rem 0 .25rem; font-weight: 600; }
input { width: 100%; padding: .6rem .7rem; font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; }
button, a.button { display: block; width: 100%; margin-top: 1.25rem; padding: .7rem; font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; cursor: pointer; color: var(--on-main); background: var(--main);
  border: 1px solid var(--main); border-radius: .5rem; }
a.button, .languages button { color: var(--main); background: transparent; }
.languages { display: flex; flex-wrap: wrap; gap: .5rem; }
.languages button { width: auto; margin: 0; padding: .3rem .8rem; }
.languages button[aria-pressed="true"] { color: var(--on-main); background: var(--main); }
:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
"""


def sign_in_page(*, token: str, after: str, name: str = "", problem: str = "", sso: str = "") -> str:
    """The page with its form.

    Args:
        token: proves that the form came from here.
        after: the address to go to afterwards.
        name: what stands in the first field.
        problem: why the last try failed.
        sso: what the button for single sign-on says; empty: there is none.
    """
    error = tag("p", told(problem), class_="problem", role="alert", id="problem") if problem else None
    described = "problem" if problem else None
    form = tag(
        "form",
        tag("input", type="hidden", name="token", value=token),
        tag("input", type="hidden", name="next", value=after),
        tag("label", tr("Name"), for_="name"),
        tag(
            "input", id="name", name="name", value=name, autocomplete="username", autocapitalize="none", maxlength=200,
            required=True, autofocus=not name, aria_describedby=described,
        ),
        tag("label", tr("Password"), for_="password"),
        tag(
            "input", id="password", name="password", type="password", autocomplete="current-password", maxlength=1000,
            required=True, autofocus=bool(name), aria_describedby=described,
        ),
        tag("button", tr("Sign in"), type="submit"),
        method="post",
        action="/login",
    )  # fmt: skip
    other = tag("a", sso, href=f"/login/sso?next={quote(after, safe='/')}", class_="button") if sso else None
    help_text = tag("p", tr("No account, or the password is lost? Ask whoever runs this Glassbox."))
    return _page(
        tr("Sign in to Glassbox"),
        tag("h1", "Glassbox"),
        tag("p", tr("Sign in to see your chats.")),
        error,
        form,
        other,
        help_text,
        language_form("/login"),
    )


def message_page(title: str, message: str) -> str:
    """A page that says one thing, with the way back to signing in."""
    return _page(
        told(title),
        tag("h1", told(title)),
        tag("p", told(message), role="alert"),
        tag("a", tr("Sign in"), href="/login", class_="button"),
    )


def _page(title: str, *content: Html | None) -> str:
    body = tag("main", *content)
    return (
        f'<!doctype html><html lang="{current()}" dir="{direction()}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{tag('title', title)}<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
