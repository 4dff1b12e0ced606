"""Backbones and strategies of another package that do what they must not, and what the one line about each says."""

from __future__ import annotations

from pathlib import Path

__all__ = ["BACKBONES", "FACTORIES", "STRATEGIES", "UNLOADABLE", "install"]

# body of a class → part of the message
BACKBONES = {
    "lines": ("def encode(s, items): raise ValueError('one\\ntwo')", "ValueError: one two."),
    "escapes": ("def encode(s, items): raise Exception('\\x1b[31mred\\x07')", r"Exception: \x1b[31mred\x07."),
    "surrogate": ("def encode(s, items): raise Exception('\\udc80')", r"Exception: \udc80."),
    "long": ("def encode(s, items): raise Exception('x' * 10**6)", "xxx"),
    "key": ("def encode(s, items): raise KeyError('x')", "KeyError: 'x'."),
    "memory": ("def encode(s, items): raise MemoryError", "--batch-size"),
    "exit": ("def encode(s, items): sys.exit(7)", "SystemExit: 7."),
    "success": ("def encode(s, items): sys.exit(0)", "SystemExit: 0."),
    "recursion": ("def encode(s, items): return s.encode(items)", "RecursionError"),
    "unreadable": ("def encode(s, items): raise Unreadable", "whose message cannot be read"),
    "purpose": ("def encode(s, items): raise Unreadable2", "whose message cannot be read"),
    "base": ("def encode(s, items): raise BaseException('panic')", "BaseException: panic."),
    "stop": ("def encode(s, items): raise StopIteration", "StopIteration."),
    "closed": ("def encode(s, items): raise GeneratorExit", "GeneratorExit."),
    "nan": ("def encode(s, items): return good(items) * np.nan", "got nan for item 0, column 0"),
    "inf": ("def encode(s, items): return good(items) * np.inf", "got inf"),
    "large": ("def encode(s, items): return good(items).astype('f8') * 1e300", "finite in float32"),
    "more": ("def encode(s, items): return np.vstack([good(items)] * 2)", "got 16 rows"),
    "fewer": ("def encode(s, items): return good(items)[1:]", "got 7 rows"),
    "flat": ("def encode(s, items): return good(items)[:, 0]", "of shape (8,)"),
    "cube": ("def encode(s, items): return good(items)[..., None]", "of shape (8, 4, 1)"),
    "none": ("def encode(s, items): return None", "got NoneType"),
    "text": ("def encode(s, items): return good(items).astype(str)", "a 2-D array of numbers"),
    "objects": ("def encode(s, items): return good(items).astype(object)", "an array of object"),
    "complex": ("def encode(s, items): return good(items).astype('c8')", "an array of complex64"),
    "empty": ("def encode(s, items): return good(items)[:, :0]", "of shape (8, 0)"),
    "ragged": ("def encode(s, items): return [[1.0], [1.0, 2.0]]", "ValueError"),
    "array": ("def encode(s, items): return Hostile()", "ZeroDivisionError"),
    "width": ("def encode(s, items): s.w = getattr(s, 'w', 0) + 1; return np.ones((len(items), s.w))", "after 1"),
    "cleared": ("def encode(s, items): items.clear(); return good(items)", "got 0 rows"),
    "nospec": ("spec = None", "have an EmbeddingSpec as its spec: got NoneType"),
    "number": ("spec = EmbeddingSpec(backbone='evil', revision=1)", "a text as revision of its spec: got int"),
    "noname": ("spec = EmbeddingSpec(backbone='', revision='1')", "a backbone in its spec"),
    "type": ("spec = EmbeddingSpec(backbone='evil', revision='1', dtype='int8')", "got 'int8'"),
    "thief": ("spec = EmbeddingSpec(backbone='classic:hashing-8', revision='1')", "got classic:hashing-8"),
    "spec": ("spec = property(lambda s: 1 / 0)", "ZeroDivisionError: division by zero."),
    "late": ("spec = property(lambda s: EmbeddingSpec(backbone='evil', revision=repr(next(count))))", "same spec"),
    "slices": ("def slices(s, items): return [[0], [0]]", "each of 12 positions once from slices: got 2 slices of 2"),
    "slicenone": ("def slices(s, items): return None", "TypeError"),
    "slicerows": ("slice_rows = 0", "ValueError"),
    "cutnone": ("def truncated(s, items): return None", "from truncated: got NoneType"),
    "cutfar": ("def truncated(s, items): return [10**9]", "from 0 to 11 from truncated: got [1000000000]"),
    "cuttext": ("def truncated(s, items): return ['x']", "from truncated: got ['x']"),
    "recnone": ("def recorded(s): return None", "a mapping from recorded: got NoneType"),
    "recobject": ("def recorded(s): return {'x': object()}", "that JSON can hold"),
    "recnan": ("def recorded(s): return {'x': float('nan')}", "that JSON can hold"),
    "rectaken": ("def recorded(s): return {'matched_by': 'id'}", "got matched_by"),
    "reclong": ("def recorded(s): return {'x': 'y' * 10**5}", "10,000 characters"),
    "reccircle": ("def recorded(s): d = {}; d['d'] = d; return d", "that JSON can hold"),
    "modality": ("modality = 'smell'", "text or image as its modality: got 'smell'"),
    "suited": ("def suited_to(s, items): return None", "return a Backbone: got NoneType"),
    "family": ("family = property(lambda s: 3)", "a text as its family: got int"),
    "ours": ("def encode(s, items): return as_matrix(None, 'X')", "ShapeError: X must be numbers"),
}
# body of the factory → part of the message
FACTORIES = {
    "factory": ("raise RuntimeError('no')", "RuntimeError: no."),
    "quits": ("sys.exit(3)", "SystemExit: 3."),
    "three": ("return 3", "return a Backbone: got int"),
    "nothing": ("return None", "return a Backbone: got NoneType"),
}
# body of the function → part of the message
STRATEGIES = {
    "lines": ("raise ValueError('one\\ntwo')", "ValueError: one two."),
    "escapes": ("raise Exception('\\x1b[31mred')", r"Exception: \x1b[31mred."),
    "exit": ("sys.exit(7)", "SystemExit: 7."),
    "memory": ("raise MemoryError", "MemoryError. Use fewer rows"),
    "recursion": ("return recursion(problem, config)", "RecursionError"),
    "unreadable": ("raise Unreadable", "whose message cannot be read"),
    "base": ("raise BaseException('panic')", "BaseException: panic."),
    "stop": ("raise StopIteration", "StopIteration."),
    "pool": ("problem.X_unlabeled[:] = 0", "copy an array before it changes it"),
    "scores": ("problem.teacher_scores[0][:] = 0", "copy an array before it changes it"),
    "targets": ("problem.pseudolabels[0] += 1", "copy an array before it changes it"),
    "features": ("problem.X_labeled.sort()", "copy an array before it changes it"),
    "labels": ("problem.Y_labeled[0] = 9", "copy an array before it changes it"),
    "weights": ("np.multiply(problem.vanilla().coef, 0, out=problem.vanilla().coef)", "read-only"),
    "flags": ("problem.X_unlabeled.flags.writeable = True", "cannot set WRITEABLE flag"),
    "none": ("return None", "return a Student: got NoneType"),
    "number": ("return 3.5", "return a Student: got float"),
    "short": ("return student(problem, kept=np.ones(3, bool))", "(20,) with at least one True: got an array of bool"),
    "positions": ("return student(problem, kept=np.arange(20))", "got an array of int64 of shape (20,)"),
    "nankept": ("return student(problem, kept=np.full(20, np.nan))", "got an array of float64"),
    "nobody": ("return student(problem, kept=np.zeros(20, bool))", "at least one True"),
    "listed": ("return student(problem, kept=[True] * 20)", "got list"),
    "norule": ("return student(problem, rule=None)", "rule as a text of at most 200 characters: got NoneType"),
    "longrule": ("return student(problem, rule='<script>' * 5000)", "got 40,000 characters"),
    "nohead": ("return student(problem, head=None)", "methods scores and probabilities: got NoneType"),
    "nanalpha": ("return student(problem, head=Head(problem, alpha=np.nan))", "alpha is a finite number"),
    "textalpha": ("return student(problem, head=Head(problem, alpha='1'))", "alpha is a finite number"),
    "headrule": ("return student(problem, head=Head(problem, rule=None))", "rule is a short text: got None"),
    "edge": ("return student(problem, head=Head(problem, at_edge=None))", "at_edge is True or False: got None"),
    "columns": (
        "return student(problem, head=Head(problem, s=lambda S: S[:, :1]))",
        "got an array of float64 of shape",
    ),
    "nanscores": ("return student(problem, head=Head(problem, s=lambda S: S * np.nan))", "with NaN or infinity"),
    "noscores": ("return student(problem, head=Head(problem, s=lambda S: None))", "of shape (10, 2): got None"),
    "failing": ("return student(problem, head=Head(problem, s=lambda S: 1 / 0))", "ZeroDivisionError"),
    "likely": ("return student(problem, head=Head(problem, p=lambda P: P + 5))", "probabilities between 0 and 1"),
    "shape": ("return student(problem, head=Head(problem, p=lambda P: P[0]))", "probabilities of its head"),
    "entry": ("return student(problem, enters=np.ones(2))", "return enters, finite numbers of shape (20,)"),
    "nanenters": ("return student(problem, enters=np.full(20, np.nan))", "with NaN or infinity"),
    "refit": ("return student(problem, refit=3)", "refit as a function or None: got int"),
    "refits": ("return student(problem, kept=half(), refit=lambda kept: 1 / 0)", "ZeroDivisionError"),
    "refitnone": ("return student(problem, kept=half(), refit=lambda kept: None)", "got NoneType"),
    "narrow": (
        "return student(problem, head=problem.fit(problem.X_unlabeled[:, :1], problem.pseudolabels[0]))",
        "coef",
    ),
    "nanhead": ("return student(problem, head=replace(problem.vanilla(), intercept=np.full(2, np.nan)))", "intercept"),
    "misfit": ("problem.fit(problem.X_unlabeled, problem.pseudolabels[0][:3])", "Error"),
    "negative": ("problem.fit(problem.X_labeled, problem.Y_labeled, sample_weight=-np.ones(10))", "non-negative"),
    "rows": ("problem.retaught(np.array([999]))", "IndexError"),
}
# line of the module, or none → part of the message; the kind or name is the key
UNLOADABLE = {
    "absent": ("nosuchmodule:make", "ModuleNotFoundError: No module named 'nosuchmodule'"),
    "attribute": ("evil_plug:nosuch", "has no attribute 'nosuch'"),
    "constant": ("evil_plug:CONSTANT", "must name a function: got int"),
    "quitting": ("evil_quits:make", "SystemExit: 7"),
    "syntax": ("evil_syntax:make", "SyntaxError"),
}
HEADER = """
import sys
from dataclasses import dataclass, replace
from itertools import count as counter
import numpy as np
from w2s_probe import Backbone, EmbeddingSpec, Student, W2SProbeError
from w2s_probe.core.arrays import as_matrix

CONSTANT, count = 3, counter()
class Unreadable(Exception):
    def __str__(self): raise RuntimeError
class Unreadable2(W2SProbeError):
    def __str__(self): sys.exit(9)
class Hostile:
    def __array__(self, *args, **kwargs): 1 / 0
def good(items):
    return np.ones((len(items), 4), dtype=np.float32)
class Good(Backbone):
    name, modality = "evil:any", "text"
    spec = EmbeddingSpec(backbone="evil:any", revision="1")
    def encode(s, items): return good(items)
@dataclass(frozen=True)
class Config:
    x: int = 0
class Head:
    def __init__(self, problem, s=lambda S: S, p=lambda P: P, **other):
        self.head, self.s, self.p = problem.vanilla(), s, p
        vars(self).update({"alpha": 1.0, "rule": "given", "at_edge": False, "converged": True, **other})
    def scores(self, X): return self.s(self.head.scores(X))
    def probabilities(self, scores): return self.p(self.head.probabilities(scores))
def half():
    return np.arange(20) < 10
def student(problem, **other):
    return Student(**{"head": problem.vanilla(), "kept": np.ones(20, bool), "rule": "all", **other})
def make_good(): return Good()
def make(name, options):
    return globals()[f"make_{name}"]()
"""


def install(folder: Path) -> None:
    """Write the package with all of them into a folder, as pip does."""
    classes = (
        f"class B_{name}(Good):\n    {body}\ndef make_{name}(): return B_{name}()\n"
        for name, (body, _) in BACKBONES.items()
    )
    factories = (f"def make_{name}(): {body}\n" for name, (body, _) in FACTORIES.items())
    functions = (f"def {name}(problem, config: Config):\n    {body}\n" for name, (body, _) in STRATEGIES.items())
    code = "".join([HEADER, *classes, *factories, *functions])
    (folder / "evil_plug.py").write_text(code, encoding="utf-8")
    (folder / "evil_quits.py").write_text("import sys\nsys.exit(7)\n", encoding="utf-8")
    (folder / "evil_syntax.py").write_text("def make(:\n", encoding="utf-8")
    info = folder / "evil_plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil-plug\nVersion: 1.0\n", encoding="utf-8")
    unloadable = [f"{name} = {value}" for name, (value, _) in UNLOADABLE.items()]
    strategies = [f"{name} = evil_plug:{name}" for name in STRATEGIES]
    taken = ["classic = evil_plug:make"], ["vanilla = evil_plug:none"]
    lines = ["[w2s_probe.backbones]", "evil = evil_plug:make", *unloadable, *taken[0]]
    lines += ["[w2s_probe.strategies]", *strategies, *unloadable, *taken[1]]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
