"""How a student learns from its teachers: one file a strategy, found through the registry."""

from w2s_probe.strategies.base import Oracle, Scorer, Strategy, Student, W2SProblem
from w2s_probe.strategies.registry import load_strategy, strategy_names

__all__ = ["Oracle", "Scorer", "Strategy", "Student", "W2SProblem", "load_strategy", "strategy_names"]
