"""A page as one HTML file: no network, no script, user text escaped.

Should markup of a user ever get through, the page's Content-Security-Policy keeps it from loading or running anything:
only the style sheet is allowed, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.page import Page

DATA = 60  # cells of the data's name in the headline


def page_html(page: Page, versions: Mapping[str, str], *, fingerprint: str | None = None) -> str:
    """Return the HTML of a report; `versions`, by package, stand at its end, a fingerprint in its head."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def cleaned(value: Any) -> Any:
        return value if isinstance(value, Markup) else visible(str(value))

    environment = Environment(
        loader=PackageLoader("w2s_probe.report"),
        autoescape=True,
        finalize=cleaned,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = Markup  # figures escape their text themselves
    style = environment.get_template("page.css.j2").render()
    opening = page.pair_line or shorten(visible(page.data or ""), DATA)
    return environment.get_template("page.html.j2").render(
        page=page,
        headline=[*([opening] if opening else []), *page.headline],
        versions=list(versions.items()),
        fingerprint=fingerprint,
        style=Markup(style),  # noqa: S704  # our own file
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
