"""Campaigns against the real command line: ``make reliability``. Prints tried and failed of each."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from tests.reliability.preload import preloaded
from tests.reliability.world import new_world

CAMPAIGNS = {  # share of the trials in continuous integration: about a quarter of a minute of each, kills half a minute
    "kills": 0.04,  # one of each verb
    "failing_calls": 0.01,
    "flips": 0.025,
    "sharing": 0.05,
    "power": 0.025,
    "inputs": 0.08,
}


def main() -> int:
    """Run the campaigns; return 1 if a trial failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("campaigns", nargs="*", help=f"some of {', '.join(CAMPAIGNS)}; all without a name")
    parser.add_argument("--slice", action="store_true", help="the share that continuous integration runs")
    parser.add_argument("--share", type=float, default=1.0, help="share of the trials of each campaign")
    parser.add_argument("--seed", type=int, default=0, help="which trials, and their random choices")
    chosen = parser.parse_args()
    failed = 0
    with preloaded(), tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        world = new_world(Path(folder))
        for name in chosen.campaigns or CAMPAIGNS:
            campaign = importlib.import_module(f"tests.reliability.{name}").campaign
            tally = campaign(world, share=CAMPAIGNS[name] if chosen.slice else chosen.share, seed=chosen.seed)
            print(tally.report(), flush=True)
            failed += tally.failed
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
