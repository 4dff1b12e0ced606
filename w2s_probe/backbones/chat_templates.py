"""Chat templates of tokenizers, some of which write the date of today: features must not depend on the day."""

from __future__ import annotations

TODAY = "2024-01-01"
CLOCK = "strftime_now"  # the function of a template that returns the time in a format
CODES = {
    "%d": "01",
    "%-d": "1",
    "%m": "01",
    "%-m": "1",
    "%Y": "2024",
    "%y": "24",
    "%j": "001",
    "%b": "Jan",
    "%B": "January",
    "%a": "Mon",
    "%A": "Monday",
    "%H": "00",
    "%I": "12",
    "%M": "00",
    "%S": "00",
    "%p": "AM",
}


def without_clock(template: str) -> str:
    """Return a template whose clock stands still at the beginning of `TODAY`; other templates are returned unchanged.

    Examples
    --------
    >>> without_clock("{{ messages[0].content }}")
    '{{ messages[0].content }}'
    """
    if CLOCK not in template:
        return template
    codes = "".join(f"|replace('{code}', '{value}')" for code, value in CODES.items())
    # after an empty expression a line end at the beginning of the template is kept
    return f"{{% macro {CLOCK}(format) %}}{{{{ format{codes} }}}}{{% endmacro %}}{{{{ '' }}}}{template}"
