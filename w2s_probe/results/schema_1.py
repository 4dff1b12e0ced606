"""From the content of schema 1 to that of schema 2, for each kind of result that changed its form.

Schema 2 changed `needed`, the points of the curve and the order of `pairs` in a forecast, and added `read` to run,
forecast, sweep, diagnose and theory spurious. Results of schema 1 have no `read`; their pages leave it out. Other kinds
are the same in both.
"""

from __future__ import annotations

from typing import Any

UNKNOWN = {"n": None, "low": None, "high": None, "reason": "written by an older version"}
UNDEFINED_POINT = {
    name: {"value": None, "low": None, "high": None}
    for name in ("versus_baseline", "gain_then", "versus_baseline_then")
}


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
    """Return one pair with `needed` and curve of schema 2; content of another form stays as it is.

    The old `needed` had other definitions, and its points no student minus baseline and no interval of their own size:
    these are undefined.
    """
    if not isinstance(content, dict) or not isinstance(content.get("curve"), list) or "needed" not in content:
        return content
    curve = [{**UNDEFINED_POINT, **point} if isinstance(point, dict) else point for point in content["curve"]]
    return {**content, "needed": {"gain": UNKNOWN, "versus_baseline": UNKNOWN}, "curve": curve}
