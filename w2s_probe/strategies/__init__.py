"""Strategies: how a student learns from its teacher, one file each, loaded by name from the registry."""

from w2s_probe.strategies.base import (
    FurtherHead,
    Oracle,
    Scorer,
    Stage,
    Strategy,
    Student,
    Teacher,
    W2SProblem,
    need_classes,
    need_teachers,
)
from w2s_probe.strategies.registry import check_strategies, chosen_strategies, load_strategy, strategy_names

__all__ = [
    "FurtherHead",
    "Oracle",
    "Scorer",
    "Stage",
    "Strategy",
    "Student",
    "Teacher",
    "W2SProblem",
    "check_strategies",
    "chosen_strategies",
    "load_strategy",
    "need_classes",
    "need_teachers",
    "strategy_names",
]
