"""What must hold after a trial: no row lost or wrong, no mixed result, no leftover after the next call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.reliability.forks import run_forked
from tests.reliability.world import READING, VERBS, World
from w2s_probe.cache import FeatureStore

RESULTS = ("run", "forecast", "diagnosis", "sweep")


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def faults_at_once(world: World, verb: str, trial: Path) -> Iterator[str]:
    """Yield what is wrong in a folder in which a verb was interrupted."""
    before, after, now = tree(world.template), tree(world.reference(verb)), tree(trial)
    for name in sorted(before.keys() | after.keys()):
        states = {before.get(name), after.get(name)}
        if name.startswith("cache/features/") and name in before.keys() & after.keys() and name not in now:
            yield f"{name} is gone"
        elif name in now and now[name] not in states and not _is_report(name):
            yield f"{name} has bytes that no verb writes"
    for folder in RESULTS:
        yield from _mixed(folder, before, after, now)


def faults_after_next(world: World, verb: str, trial: Path) -> Iterator[str]:
    """Run the interrupted verb again; yield what is wrong then."""
    ended = run_forked(VERBS[verb], trial)
    if ended.code:
        yield f"the next call ends with exit {ended.code}: {ended.err[-300:]}"
        return
    now, after = (_outside_features(folder) for folder in (trial, world.reference(verb)))
    yield from (
        f"{name} is left over" for name in sorted(now.keys() - after.keys()) if name not in tree(world.template)
    )
    missing = (name for name in sorted(after.keys() - now.keys()) if not name.startswith("cache/tmp/"))
    yield from (f"{name} is missing after the next call" for name in missing)
    yield from (
        f"{name} has other bytes after the next call" for name in sorted(now.keys() & after) if now[name] != after[name]
    )
    if _rows(trial) != _rows(world.reference(verb)):
        yield "the cache holds other rows after the next call"
    verified = run_forked(READING["verify"], trial)
    if verified.code:
        yield f"verify after the next call: exit {verified.code}, {verified.err[-300:]}"


def _outside_features(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in tree(folder).items() if not name.startswith("cache/features/")}


def _rows(folder: Path) -> dict[str, tuple[bytes, bytes]]:
    """Return digests and features of each spec: shards that could not be read are cut again at other places."""
    store = FeatureStore(folder / "cache")
    rows = {}
    for contents in store.contents():
        digests, _ = store.items(contents.spec)
        rows[contents.fingerprint] = digests.tobytes(), store.read(contents.spec, digests).tobytes()
    return rows


def _mixed(folder: str, before: dict[str, bytes], after: dict[str, bytes], now: dict[str, bytes]) -> Iterator[str]:
    """Yield a fault if a folder with a result.json has files of two results."""
    if f"{folder}/result.json" not in now:
        return
    files = [name for name in now if name.startswith(f"{folder}/") and name.count("/") == 1 and not _is_hidden(name)]
    for state in (before, after):
        if all(now[name] == state.get(name) for name in files):
            return
    yield f"{folder} holds files of two results"


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in Path(name).parts)


def _is_report(name: str) -> bool:
    return name.endswith((".html", ".md"))
