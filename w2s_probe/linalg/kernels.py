"""The BLAS of numpy, scipy and faiss: its kernel and threads, and faiss with the kernel of numpy.

A kernel is the code that OpenBLAS chooses for a processor, named after one of its first processors.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from threadpoolctl import threadpool_info

CORE_TYPE = "OPENBLAS_CORETYPE"
# kernels of numpy's OpenBLAS, by their names in the OpenBLAS of 2021 that the wheel of faiss brings
FAISS_KERNELS = {
    **{name: name for name in ("Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX")},
    "Cooperlake": "SkylakeX",
    "SapphireRapids": "SkylakeX",
}
WITHOUT_AVX = ("Unknown", "Katmai", "Northwood", "Prescott", "Atom", "Core2", "Penryn", "Dunnington", "Nehalem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blas:
    """The BLAS that one library calls.

    Parameters
    ----------
    library : str
        numpy, scipy or faiss.
    name, version : str
        Of the BLAS, such as openblas and 0.3.30; empty where it does not tell.
    kernel : str
        Such as SkylakeX; empty where the BLAS does not tell, as MKL.
    threads : int
        Threads that it may use.
    """

    library: str
    name: str
    version: str
    kernel: str
    threads: int

    @property
    def old(self) -> bool:
        """Whether the kernel is for processors without AVX: those until 2010."""
        return self.kernel in WITHOUT_AVX


def load_faiss() -> ModuleType:
    """Return faiss, imported with numpy's kernel unless OPENBLAS_CORETYPE is set; the environment stays as it was.

    The OpenBLAS of its wheel takes every processor that it does not know for one of 2004, and is four times slower
    then. It reads the variable while it is loaded.
    """
    blas = blas_of("numpy")
    kernel = FAISS_KERNELS.get(blas.kernel) if blas else None
    before = os.environ.get(CORE_TYPE)
    if kernel is None or before:
        return importlib.import_module("faiss")
    os.environ[CORE_TYPE] = kernel
    try:
        return importlib.import_module("faiss")
    finally:
        if before is None:
            del os.environ[CORE_TYPE]
        else:
            os.environ[CORE_TYPE] = before


def blas_of(library: str) -> Blas | None:
    """Return the BLAS that a library has loaded: that of its wheel, otherwise one that libraries share, or None."""
    pools = {_owner(Path(pool["filepath"])): pool for pool in threadpool_info() if pool["user_api"] == "blas"}
    pool = pools.get(library) or pools.get("")
    if pool is None:
        return None
    return Blas(
        library=library,
        name=pool["internal_api"],
        version=pool["version"] or "",
        kernel=pool.get("architecture") or "",
        threads=pool["num_threads"],
    )


def _owner(file: Path) -> str:
    """Return the library whose wheel brings a file in a folder such as numpy.libs or faiss/.dylibs, or nothing.

    The name of the folder tells, since an environment may be behind links, which some paths have and others have not.
    """
    folder = file.parent.parent if file.parent.name == ".dylibs" else file.parent
    name = folder.name.removesuffix(".libs").removesuffix("_cpu")
    return name if name in ("numpy", "scipy", "faiss") else ""
