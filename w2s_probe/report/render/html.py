"""A page as one HTML file, or as a part of a notebook: no network, no script, user text escaped.

Should markup of a user ever get through, the page's Content-Security-Policy keeps it from loading or running anything:
only the style sheet is allowed, by its hash. In a notebook, which has a policy of its own, the style applies to the
report only.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.page import Page
from w2s_probe.report.render.scoped_style import scoped_style

if TYPE_CHECKING:
    from jinja2 import Environment

DATA = 60  # cells of the data's name in the headline


def page_html(page: Page, versions: Mapping[str, str], *, fingerprint: str | None = None) -> str:
    """Return the HTML of a report; `versions`, by package, stand at its end, a fingerprint in its head."""
    environment = _environment()
    style = environment.get_template("page.css.j2").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _rendered(environment, "page.html.j2", page, versions, style, fingerprint=fingerprint, style_hash=digest)


def page_fragment(page: Page, versions: Mapping[str, str]) -> str:
    """Return the body of a report as one element that can stand in another page, with its own style inside."""
    environment = _environment()
    style = "\n".join(environment.get_template(name).render() for name in ("page.css.j2", "notebook.css"))
    return _rendered(environment, "notebook.html.j2", page, versions, scoped_style(style))


def _environment() -> Environment:
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
    return environment


def _rendered(
    environment: Environment, template: str, page: Page, versions: Mapping[str, str], style: str, **more: Any
) -> str:
    from markupsafe import Markup

    opening = page.pair_line or shorten(visible(page.data or ""), DATA)
    return environment.get_template(template).render(
        page=page,
        headline=[*([opening] if opening else []), *page.headline],
        versions=list(versions.items()),
        style=Markup(style),  # noqa: S704  # our own file
        **more,
    )
