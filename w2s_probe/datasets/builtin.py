"""Built-in data sets by name: real data from the package or from scikit-learn."""

from __future__ import annotations

import re
from collections.abc import Callable

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError, did_you_mean
from w2s_probe.datasets.arithmetic import load_arithmetic
from w2s_probe.datasets.digits import load_digits, load_tinted_digits
from w2s_probe.datasets.spam import load_spam
from w2s_probe.datasets.table import Table
from w2s_probe.datasets.vader import VADER_DOMAINS, load_vader, load_vader_pairs

BUILT_IN: dict[str, Callable[[DataConfig], Table]] = {
    "vader": load_vader,
    **{f"vader-{domain}": load_vader for domain in VADER_DOMAINS},
    "vader-pairs": load_vader_pairs,
    **{f"vader-pairs-{domain}": load_vader_pairs for domain in VADER_DOMAINS},
    "spam": load_spam,
    "digits": load_digits,
    "digits-tinted": load_tinted_digits,
    "arithmetic": load_arithmetic,
}
LONGER = {  # the mark after which a name may go on
    **{f"vader-{domain}": "+" for domain in VADER_DOMAINS},
    **{f"vader-pairs-{domain}": "+" for domain in VADER_DOMAINS},
    "digits-tinted": "@",
    "arithmetic": "@",
}
FORMS = (
    *BUILT_IN,
    "vader-DOMAIN+DOMAIN",
    "vader-pairs-DOMAIN+DOMAIN",
    "digits-tinted@STRENGTH",
    "arithmetic@ROWS",
)


def load_builtin(config: DataConfig) -> Table:
    """Return ``builtin:NAME`` as a table; raises `DataError` if there is no such data or column.

    Names are vader, vader-DOMAIN, vader-DOMAIN+DOMAIN, vader-pairs and the like for preference pairs, spam, digits,
    digits-tinted, digits-tinted@STRENGTH, arithmetic and arithmetic@ROWS. The functions in `BUILT_IN` describe their
    content.
    """
    name = config.data.partition(":")[2]
    start, mark = re.fullmatch(r"([^+@]*)([+@]?).*", name, re.DOTALL).groups()  # type: ignore[union-attr]
    if start not in BUILT_IN or (mark and LONGER.get(start) != mark):
        near = did_you_mean(name, BUILT_IN) or " Use one of them, or give the path of a table."
        msg = f"built-in data must be one of {', '.join(FORMS)}: got {name!r}.{near}"
        raise DataError(msg)
    return BUILT_IN[start](config)
