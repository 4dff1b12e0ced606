"""Chat templates of tokenizers: the message of a user, whatever the day, and shortened without its template."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from w2s_probe.backbones.loading import load_reason
from w2s_probe.core.errors import BackboneError
from w2s_probe.core.text import visible

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
PROBES = ("A text of eight words", "Two words")  # a template must write them
DEFAULT = "default"  # name of the template that transformers takes if a tokenizer has several


@dataclass(frozen=True, eq=False)
class ChatTemplate:
    """The template of a tokenizer, in which a text is the message of a user, before the beginning of an answer."""

    tokenizer: Any
    template: str

    def written(self, text: str) -> str:
        """Return the text in the template."""
        message = [{"role": "user", "content": text}]
        how: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True, "chat_template": self.template}
        return str(self.tokenizer.apply_chat_template(message, **how))

    def shortened(self, text: str, fits: Callable[[str], bool]) -> str:
        """Return the longest beginning of a text that fits; its end if the tokenizer cuts on the left.

        Parameters
        ----------
        text : str
            The message of a user.
        fits : callable
            Whether the model can read a part of the text in its template.
        """
        left = self.tokenizer.truncation_side == "left"
        cuts = sorted({*self._cuts(text)}, reverse=left)

        def part(at: int) -> str:
            return text[at:] if left else text[:at]

        count = bisect_left(cuts, 1, key=lambda at: int(not fits(part(at))))
        return part(cuts[count - 1]) if count else ""

    def _cuts(self, text: str) -> list[int]:
        """Return the positions between tokens of a text; between its characters if the tokenizer does not tell them."""
        if not self.tokenizer.is_fast:
            return [*range(len(text) + 1)]
        how = {"add_special_tokens": False, "return_offsets_mapping": True, "truncation": False, "verbose": False}
        return [at for place in self.tokenizer(text, **how)["offset_mapping"] for at in place]


def chat_template_of(tokenizer: Any, *, name: str) -> ChatTemplate | None:
    """Return the default template of a tokenizer, None if it has no template at all.

    Raises
    ------
    BackboneError
        For the backbone called `name`, if all its templates are for other purposes, or if its template does not write
        the message of a user.
    """
    templates = tokenizer.chat_template
    if not templates:
        return None
    if isinstance(templates, dict) and DEFAULT not in templates:
        names = visible(", ".join(sorted(map(str, templates))))
        msg = (
            f"`chat_template` needs a tokenizer with a default chat template: that of {name} has only templates named "
            f"{names:.120}. Set tokenizer.chat_template to one of them and save the tokenizer again, or leave "
            "`chat_template` out."
        )
        raise BackboneError(msg)
    template = ChatTemplate(tokenizer, without_clock(tokenizer.get_chat_template()))
    try:
        problem = "" if all(text in template.written(text) for text in PROBES) else "it leaves the message out"
    except Exception as error:  # a template is a program, and may raise anything
        problem = load_reason(error)
    if problem:
        msg = (
            "`chat_template` needs a template that writes one message of a user, whose content is a text: with that of "
            f"{name}, {problem}. Save the tokenizer with another template, or leave `chat_template` out."
        )
        raise BackboneError(msg)
    return template


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
