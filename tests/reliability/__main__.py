"""Campaigns against the real command line: ``make reliability``. Prints tried and failed of each."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from tests.reliability.preload import restart_preloaded
from tests.reliability.world import new_world

CAMPAIGNS = ("kills", "failing_calls", "flips", "sharing", "power")


def main() -> int:
    """Run the campaigns; return 1 if a trial failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("campaigns", nargs="*", choices=[*CAMPAIGNS, []], help="which campaigns; all without a name")
    parser.add_argument("--share", type=float, default=1.0, help="share of the trials of each campaign")
    parser.add_argument("--seed", type=int, default=0, help="which trials, and their random choices")
    chosen = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        restart_preloaded(Path(folder))
        for name in chosen.campaigns or CAMPAIGNS:
            world = new_world(Path(folder) / name)
            tally = importlib.import_module(f"tests.reliability.{name}").campaign(
                world, share=chosen.share, seed=chosen.seed
            )
            print(tally.report(), flush=True)
            failed += tally.failed
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
