"""Sizes of the decoders of ``reason``: widths are multiples of one attention head, so that not every size exists."""

from __future__ import annotations

CHARACTERS = "\n 0123456789+-*=;:#"  # "\n" ends a text and pads it
HEAD = 16  # dimensions of an attention head
LAYERS = 2
WIDTHS = range(HEAD, 32 * HEAD, HEAD)


def width_of(size: int) -> int:
    """Return the width, a multiple of `HEAD`, whose decoder is nearest to `size` parameters.

    Examples
    --------
    >>> [width_of(size) for size in (25_000, 100_000, 400_000, 2_000_000)]
    [32, 64, 128, 288]
    """
    return min(WIDTHS, key=lambda width: abs(parameters_of(width) - size))


def parameters_of(width: int) -> int:
    """Return the number of parameters of a decoder."""
    layer = 4 * width**2 + 3 * width * (8 * width // 3) + 2 * width
    return LAYERS * layer + width * (len(CHARACTERS) + 1)


def sizes_near(size: int) -> list[int]:
    """Return the size that exists nearest to `size`, with the next smaller and the next larger one.

    Examples
    --------
    >>> sizes_near(100_000)
    [56448, 99584, 155360]
    """
    middle = width_of(size)
    return [parameters_of(width) for width in WIDTHS if abs(width - middle) <= HEAD]
