"""Compare what verbs print and write with what an earlier commit printed: ``python -m tests.same_bytes write|check``.

One thread (``OMP_NUM_THREADS=1``), one machine. Digests lie in ``out/``, which git ignores.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DIGESTS = Path("out/same_bytes.json")
PROGRAM = (sys.executable, "-m", "w2s_probe")
PAIR = "--teacher packaged:wordllama --student packaged:minilm-l6 "
PIXELS = "--teacher classic:pixels-2x2 --student classic:pixels-8x8 "
MOVIE = "builtin:vader-movie " + PAIR + "-n 400 -N 3000 "
VERBS = {
    "run": f"run {MOVIE}",
    "run softmax": f"run {MOVIE} --head softmax",
    "run group": f"run {MOVIE} --group negation --strategy vanilla,high_confidence",
    "run curve": f"run {MOVIE} --curve --seeds 2",
    "run suspects": f"run {MOVIE} --suspects --seeds 2",
    "run one seed": f"run {MOVIE} --seeds 1",
    "run digits": f"run builtin:digits {PIXELS} -n 200 -N 800 --group label --group-by column",
    "run regression": f"run builtin:vader-product {PAIR} --label rating --task regression",
    "run mails": f"run builtin:spam {PAIR} --group html --eta-labeled .05 --eta-unlabeled .2 --eta-test .5 "
    "--balance-classes --n-test 120 -n 100 -N 400 --seeds 2 --strategy vanilla,high_confidence,oracle_dfr",
    "forecast": f"forecast {MOVIE}",
    "forecast softmax": f"forecast builtin:digits {PIXELS} -n 100 -N 500 --head softmax",
    "forecast pairs": "forecast builtin:vader-movie --teacher packaged:wordllama,packaged:minilm-l6@1 "
    "--student packaged:minilm-l6 -n 200 -N 1000 --suspects",
    "diagnose": f"diagnose builtin:vader-movie {PAIR} --sample 2000",
    "diagnose pool": f"diagnose builtin:digits {PIXELS} --pool builtin:digits --sample 1000",
    "sweep": f"sweep builtin:vader-movie {PAIR} -n 100,200 -N 750,1500 --seeds 3",
    "sweep eta": f"sweep builtin:spam {PAIR} --group html --eta-labeled .05,.5 --eta-unlabeled .05,.5 --eta-test .5 "
    "--balance-classes --n-test 120 -n 100 -N 250 --seeds 2 --head softmax",
    "theory variance": "theory variance --d-student 20 --d-teacher 60 --correlation-dimension 5 -n 110 -N 1000 "
    "--noise-variance .25 --simulate 100",
    "theory spurious": "theory spurious --law mixture --teacher-matrix T --student-matrix S --mu 2,0,1,1,0,0 --sigma 1 "
    "--gamma .01 --nu .0025 --eta-labeled .2 --eta-unlabeled .4 --eta-test .3 --noise-variance 1 --simulate 5",
    "embed": "embed builtin:digits --backbone classic:pixels-2x2 --backbone classic:pixels-8x8 --cache CACHE",
    "cache ls": "cache ls --cache CACHE",
}
FILES = {"CACHE": "cache", "T": "T.npy", "S": "S.npy"}
WITHOUT_PAGES = ("embed", "cache ls")


def main() -> int:
    """Write the digests, or compare them: exit 1 where any differs."""
    mode, *only = sys.argv[1:] or ["check"]
    with tempfile.TemporaryDirectory() as folder:
        _write_matrices(Path(folder))
        digests = {name: _digests(name, line, Path(folder)) for name, line in VERBS.items() if not only or name in only}
    if mode == "write":
        DIGESTS.parent.mkdir(exist_ok=True)
        DIGESTS.write_text(json.dumps(digests, indent=1))
        return 0
    before = json.loads(DIGESTS.read_text())
    differ = [
        f"{name}: {part}" for name in digests for part in digests[name] if digests[name][part] != before[name][part]
    ]
    sys.stdout.write("\n".join(differ) + "\n" if differ else "the same\n")
    return bool(differ)


def _write_matrices(folder: Path) -> None:
    axes = np.eye(6)
    np.save(folder / "T.npy", axes[:, :3])
    np.save(folder / "S.npy", (axes[:, :2] + axes[:, 3:5]) / np.sqrt(2.0))


def _digests(name: str, line: str, folder: Path) -> dict[str, str]:
    out, start = folder / name.replace(" ", "-"), time.monotonic()
    words = [str(folder / FILES[word]) if word in FILES else word for word in line.split()]
    pages = [] if name in WITHOUT_PAGES else ["--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([*PROGRAM, *words, "--json", *pages], capture_output=True, check=True, env=environment)
    sys.stderr.write(f"{name}: {time.monotonic() - start:.0f} s\n")
    page, markdown = (_read(out / f"report.{kind}") for kind in ("html", "md"))
    return {
        "json": _sha(done.stdout),
        "html": _sha(page),
        "md": _sha(markdown),
        "text of html": _sha(_visible(page)),
        "text of md": _sha(_visible(markdown)),
    }


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _visible(page: bytes) -> bytes:
    text = re.sub(r"<(style|script)\b.*?</\1>", " ", page.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split()).encode()


def _sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
