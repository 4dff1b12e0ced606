"""The style of a report for a part of another page: it changes nothing outside, and follows the theme of a notebook."""

from __future__ import annotations

import re

SCOPE = ".w2s-probe" * 3  # three times, so that the rules of a notebook for tables and headings are weaker
PAGE = (":root", "body")  # selectors of the whole page, which is the scope here
RULE = re.compile(r"([^{};@]+)\{([^{}]*)\}")
DARK = re.compile(r"@media screen and \(prefers-color-scheme: dark\) \{\s*:root \{([^{}]*)\}\s*\}")
# what JupyterLab, VS Code, Colab and Sphinx write on the page, whatever the system prefers
DARK_THEMES = ('[data-jp-theme-light="false"]', ".vscode-dark", 'html[theme="dark"]', '[data-theme="dark"]')
LIGHT_THEMES = ('[data-jp-theme-light="true"]', ".vscode-light", 'html[theme="light"]', '[data-theme="light"]')


def scoped_style(style: str) -> str:
    """Return a style sheet whose rules apply inside ``class="w2s-probe"`` only.

    Colors are those of the notebook's theme where it names one, else of the theme that the system prefers.

    Parameters
    ----------
    style : str
        The style sheet of a page; its dark colors are variables of ``:root``, in media queries of their own.
    """
    dark = " ".join(colors.strip() for colors in DARK.findall(style))
    rest = DARK.sub("", style)
    light = " ".join(colors.strip() for selector, colors in RULE.findall(rest) if selector.strip() == ":root")
    themes = [
        f"@media screen and (prefers-color-scheme: dark) {{ {SCOPE} {{ {dark} }} }}",
        *(f"{theme} {SCOPE} {{ color-scheme: dark; {dark} }}" for theme in DARK_THEMES),
        *(f"{theme} {SCOPE} {{ {light} color-scheme: light; }}" for theme in LIGHT_THEMES),
    ]
    return "\n".join([RULE.sub(_scoped, rest), *themes])


def _scoped(rule: re.Match[str]) -> str:
    selectors = [selector.strip() for selector in rule[1].split(",")]
    inside = (SCOPE if selector in PAGE else f"{SCOPE} {selector}" for selector in selectors)
    return f"\n{', '.join(inside)} {{{rule[2]}}}"
