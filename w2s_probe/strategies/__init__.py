"""Strategies: how a student learns from its teacher, one file each, loaded by name from the registry."""

from w2s_probe.strategies.base import Oracle, Scorer, Strategy, Student, W2SProblem
from w2s_probe.strategies.registry import check_strategies, load_strategy, strategy_names

__all__ = [
    "Oracle",
    "Scorer",
    "Strategy",
    "Student",
    "W2SProblem",
    "check_strategies",
    "load_strategy",
    "strategy_names",
]
