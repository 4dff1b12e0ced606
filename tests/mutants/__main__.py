"""Mutants of the code that must be right, each against the fast tests of its folder: ``make mutants``.

Tests are tried that run a line of the mutated statement: first the one that killed the mutant last time, then the
fastest. A survivor without a reason in survivors.toml ends with exit code 1, and so does a share of killed mutants
below 90 %. What was tried is written down at once: a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from tests.mutants.draw import HERE, ROOT, Area, Mutant, areas, drawn_mutants, named_mutants
from tests.mutants.trial import Trial, copy_tree, start, warm

STATE = ROOT / "build" / "mutants"
SHARE = 0.9  # of the drawn mutants that must be killed
PATIENCE = (20.0, 5.0)  # limit of a trial: seconds, and multiple of what its tests take on the original
Outcome = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class LineMap:
    """Which tests run which lines of an area's files, and how long they take; `digest` is of all files that ran."""

    digest: str
    seconds: dict[str, float]
    tests_of: dict[str, dict[int, list[str]]]

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the mutant, the fastest first."""
        of_line = self.tests_of.get(mutant.file, {})
        first, last = mutant.lines
        of_statement = {test for line in range(first, last + 1) for test in of_line.get(line, [])}
        chosen = of_statement if mutant.inside else self.seconds  # modules and classes run before any test
        return sorted(chosen, key=lambda test: self.seconds[test])


def main() -> int:
    """Try all mutants and print the table; the exit code says whether the tests bite."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="mutants tried at once")
    parser.add_argument("--area", action="append", help="only this area; may be given several times")
    options = parser.parse_args()
    os.nice(10)
    warm()
    chosen = [area for area in areas() if not options.area or area.name in options.area]
    mutants = [mutant for area in chosen for mutant in drawn_mutants(area)]
    mutants += [mutant for mutant in named_mutants() if mutant.area in {area.name for area in chosen}]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="w2s-mutants-") as folder:
        copies = [Path(folder) / str(number) for number in range(options.workers)]
        for copy in copies:
            copy_tree(ROOT, copy)
        maps = {area.name: _line_map(area, copies[0]) for area in chosen}
        outcomes = _Queue(mutants, maps, copies).outcomes()
    return _report(mutants, outcomes, minutes=(time.monotonic() - begin) / 60, workers=options.workers)


def _line_map(area: Area, copy: Path) -> LineMap:
    """Return the map of an area from a run of its tests on the original, or the last one if no file of it changed."""
    STATE.mkdir(parents=True, exist_ok=True)
    file = STATE / f"{area.name}.map.json"
    stored = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if stored.get("digest") != _digest(copy, stored.get("files", []), area):
        print(f"{area.name}: tests on the original …", flush=True)
        stored = json.loads(json.dumps(_measured(area, copy)))
        file.write_text(json.dumps(stored), encoding="utf-8")
    tests_of = {name: {int(line): tests for line, tests in lines.items()} for name, lines in stored["tests_of"].items()}
    return LineMap(digest=stored["digest"], seconds=stored["seconds"], tests_of=tests_of)


def _digest(copy: Path, files: list[str], area: Area) -> str:
    """Return a digest of the package's files that ran, of the tests of an area and of the driver."""
    names = {*files, "tests/conftest.py", "tests/mutants/trial.py"}
    for tests in area.tests:
        path = copy / tests
        names |= {file.relative_to(copy).as_posix() for file in ([path] if path.is_file() else path.rglob("*.py"))}
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode() + ((copy / name).read_bytes() if (copy / name).is_file() else b""))
    return digest.hexdigest()


def _measured(area: Area, copy: Path) -> dict[str, Any]:
    """Return digest, files that ran, seconds of each test, and the tests that run each line of the area's files."""
    from coverage import CoverageData

    out = copy.with_suffix(".json")
    outcome = _wait(start(copy, area.tests, out=out, limit=1800, measured=True))
    if outcome["status"] != 0:
        log = out.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
        msg = f"the tests of {area.name} must pass on the original: got\n{log[-3000:]}"
        raise SystemExit(msg)
    data = CoverageData(str(out.with_suffix(".coverage")))
    data.read()
    files = sorted(Path(file).relative_to(copy).as_posix() for file in data.measured_files())
    tests_of = {
        name: {
            line: [test for test in contexts if test]
            for line, contexts in data.contexts_by_lineno(str(copy / name)).items()
            if any(contexts)
        }
        for name in area.files
    }
    digest = _digest(copy, files, area)
    return {"digest": digest, "files": files, "seconds": outcome["seconds"], "tests_of": tests_of}


def _wait(trial: Trial) -> Outcome:
    began = time.monotonic()
    try:
        while (outcome := trial.outcome(began)) is None:
            time.sleep(0.02)
    finally:
        trial.stop()
    return outcome


@dataclass
class _Queue:
    """Tries mutants, one in each copy at a time, and writes down each outcome."""

    mutants: list[Mutant]
    maps: dict[str, LineMap]
    copies: list[Path]
    state: dict[str, dict[str, Outcome]] = field(default_factory=dict)

    def outcomes(self) -> dict[str, Outcome]:
        """Return the outcome of each mutant by its key."""
        for area in self.maps:
            file = _outcomes_of(area)
            self.state[area] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        waiting = [mutant for mutant in reversed(self.mutants) if not self._is_current(mutant)]
        busy: list[tuple[Mutant, Path, Trial, float]] = []
        try:
            self._try_all(waiting, busy)
        finally:
            for _, _, trial, _ in busy:
                trial.stop()
        return {mutant.key: self.state[mutant.area][mutant.key] for mutant in self.mutants}

    def _try_all(self, waiting: list[Mutant], busy: list[tuple[Mutant, Path, Trial, float]]) -> None:
        idle = list(self.copies)
        while waiting or busy:
            while waiting and idle:
                mutant, copy = waiting.pop(), idle.pop()
                if self._tests(mutant):
                    busy.append((mutant, copy, self._begin(mutant, copy), time.monotonic()))
                else:
                    idle.append(copy)
                    self._note(mutant, {"status": 0, "failed": "", "untested": True})
            for entry in list(busy):
                mutant, copy, trial, began = entry
                if (outcome := trial.outcome(began)) is not None:
                    busy.remove(entry)
                    idle.append(copy)
                    _write(copy / mutant.file, mutant.original)
                    self._note(mutant, outcome)
            time.sleep(0.02)

    def _is_current(self, mutant: Mutant) -> bool:
        return self.state[mutant.area].get(mutant.key, {}).get("digest") == self.maps[mutant.area].digest

    def _tests(self, mutant: Mutant) -> list[str]:
        tests = self.maps[mutant.area].tests(mutant)
        last = self.state[mutant.area].get(mutant.key, {}).get("failed", "")
        return [last, *(test for test in tests if test != last)] if last in tests else tests

    def _begin(self, mutant: Mutant, copy: Path) -> Trial:
        _write(copy / mutant.file, mutant.code)
        tests = self._tests(mutant)
        expected = sum(self.maps[mutant.area].seconds[test] for test in tests)
        return start(copy, tests, out=copy.with_suffix(".json"), limit=PATIENCE[0] + PATIENCE[1] * expected)

    def _note(self, mutant: Mutant, outcome: Outcome) -> None:
        if outcome["status"] in (4, 5) and not outcome["failed"]:
            msg = f"tests must run for each mutant: got none for {mutant.key}"
            raise SystemExit(msg)
        outcome.pop("seconds", None)
        self.state[mutant.area][mutant.key] = {**outcome, "digest": self.maps[mutant.area].digest}
        file = _outcomes_of(mutant.area)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(self.state[mutant.area], indent=1), encoding="utf-8")
        partial.rename(file)
        print(f"{_word(outcome):9} {mutant.file} {mutant.scope}: {mutant.becomes}", flush=True)


def _write(path: Path, code: str) -> None:
    """Write a module; its bytecode is deleted: of a file of equal size within the same second it would be used."""
    path.write_text(code, encoding="utf-8")
    Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _outcomes_of(area: str) -> Path:
    return STATE / f"{area}.outcomes.json"


def _word(outcome: Outcome) -> str:
    return "survived" if outcome["status"] == 0 else "timed out" if outcome["status"] == "timeout" else "killed"


def _report(mutants: list[Mutant], outcomes: dict[str, Outcome], *, minutes: float, workers: int) -> int:
    """Print the table and the survivors; return the exit code."""
    reasons = {
        entry["key"]: entry["reason"]
        for entry in tomllib.loads((HERE / "survivors.toml").read_text(encoding="utf-8")).get("survivor", [])
    }
    words = {mutant.key: _word(outcomes[mutant.key]) for mutant in mutants}
    print(f"\n{'area':12} tried killed timed-out survived")
    drawn = [mutant for mutant in mutants if mutant.scope != "named"]
    rows = {name: [mutant for mutant in drawn if mutant.area == name] for name in dict.fromkeys(m.area for m in drawn)}
    rows |= {"all drawn": drawn, "named": [mutant for mutant in mutants if mutant.scope == "named"]}
    for name, row in rows.items():
        count = Counter(words[mutant.key] for mutant in row)
        print(f"{name:12} {len(row):5} {count['killed']:6} {count['timed out']:9} {count['survived']:8}")
    survivors = [mutant for mutant in mutants if words[mutant.key] == "survived"]
    for mutant in survivors:
        untested = " (no test runs this line)" if outcomes[mutant.key].get("untested") else ""
        print(f"\nsurvived{untested}: {mutant.key}\n- {mutant.was}\n+ {mutant.becomes}")
        print(f"reason: {reasons.get(mutant.key, 'none in tests/mutants/survivors.toml')}")
    for key in reasons:
        if words.get(key) in ("killed", "timed out"):
            print(f"\nkilled, although survivors.toml lists it: {key}")
    unexplained = [mutant for mutant in survivors if mutant.key not in reasons or mutant.scope == "named"]
    share = 1 - sum(mutant.scope != "named" for mutant in survivors) / len(drawn)
    print(f"\n{share:.1%} of {len(drawn)} killed; survivors without a reason: {len(unexplained)}.")
    print(f"{minutes:.1f} minutes with {workers} workers.")
    return int(share < SHARE or bool(unexplained))


if __name__ == "__main__":
    sys.exit(main())
