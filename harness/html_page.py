"""Pages: one HTML file each that loads nothing, enforced by a content security policy.

A package with a page has page.html, page.css and page.js. The files html_page.* are the parts that all pages share.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup


def render_page(package: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """Return the package's page with these values.

    All data is escaped, and only the page's own script runs.
    """
    style, script = (_asset("harness", f"html_page.{kind}") + _asset(package, f"page.{kind}") for kind in ("css", "js"))
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=DictLoader({"html_page.html": _asset("harness", "html_page.html")}),
    )
    environment.filters |= filters
    return environment.from_string(_asset(package, "page.html")).render(
        values,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'",
    )


@cache
def _asset(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
