"""Data sets of the Hugging Face hub, loaded by `datasets` into Arrow files, which are read like any others."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from w2s_probe.core.errors import DataError, MissingExtraError, did_you_mean, listed
from w2s_probe.core.files import is_folder
from w2s_probe.core.install import install_line
from w2s_probe.datasets.class_names import names_in_features
from w2s_probe.datasets.data_files import DataFiles, joined

PREFIX = "hf:"
NO_NETWORK = {"ConnectionError", "ConnectTimeout", "ConnectError", "OfflineModeIsEnabled", "LocalEntryNotFoundError"}
NOT_THERE = {"DatasetNotFoundError", "DataFilesNotFoundError", "EmptyDatasetError", "FileNotFoundError"}


def load_hub(data: str, *, split: str | None = None) -> DataFiles:
    """Return the Arrow files of ``hf:ORG/NAME[@CONFIG][#PART,…]``; a local folder may stand for ``ORG/NAME``.

    Files that were loaded before are taken from the cache of `datasets`. Code of a data set never runs.

    Parameters
    ----------
    data : str
        Name of the data set, with its configuration if it has several, and names of parts if not all are meant.
    split : str or None
        Column of parts, beside which the names of parts do not count.

    Raises
    ------
    MissingExtraError
        If `datasets` is not installed.
    DataError
        If the data set, the configuration or the part does not exist, the network cannot be reached, or loading fails.
    """
    address, sharp, part = data.removeprefix(PREFIX), "", ""
    if "#" in address and not is_folder(Path(address)):
        address, sharp, part = address.rpartition("#")
    name, _, config = address.rpartition("@") if "@" in address else (address, "", "")
    if not name or ("@" in address and not config) or (sharp and not part):
        msg = (
            f"hf: must be followed by ORG/NAME, ORG/NAME@CONFIG or ORG/NAME#PART: got {data!r:.60}. Name a data set of "
            "the hub."
        )
        raise DataError(msg)
    try:
        import datasets
    except ImportError as error:
        msg = f"{data} needs the package datasets, which is not installed. Run: {install_line('hf')}"
        raise MissingExtraError(msg) from error
    with _one_line(data), _quiet(datasets):
        loaded = datasets.load_dataset(name, config or None)
    wanted = part.split(",") if part else list(loaded)
    unknown = next((one for one in wanted if one not in loaded), None)
    if unknown is not None:
        near = did_you_mean(unknown, loaded) or " Name one of these parts."
        msg = f"{data} must name parts of the data set: it has {listed(list(loaded))}, not {unknown!r:.60}.{near}"
        raise DataError(msg)
    parts = {one: _files_of(data, one, rows) for one, rows in loaded.items() if one in wanted}
    return joined(
        parts,
        name=_title(name, config) + sharp + part,
        split=split,
        one_part=lambda one: f"{PREFIX}{address}#{one}",
    )


def _files_of(data: str, part: str, rows: Any) -> DataFiles:
    """Return the Arrow files of one part."""
    paths = tuple(Path(entry["filename"]) for entry in rows.cache_files)
    if not paths:
        msg = f"part {part} of {data} must have rows: got none. Name another data set."
        raise DataError(msg)
    names = names_in_features(rows.features.to_dict())
    return DataFiles(name=part, folder=paths[0].parent, kind="Arrow", paths=paths, class_names=names)


def _title(name: str, config: str) -> str:
    """Return the name of a data set for messages, without the folders of a local one."""
    bare = Path(name).name if Path(name).is_dir() else name
    return f"{bare}@{config}" if config else bare


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Context manager: `datasets` prints no progress, and no line for each try to reach the network."""
    shown = datasets.is_progress_bar_enabled()
    loggers = {name: logging.getLogger(name) for name in ("datasets", "huggingface_hub")}
    levels = {name: logger.level for name, logger in loggers.items()}
    datasets.disable_progress_bars()
    for logger in loggers.values():
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, logger in loggers.items():
            logger.setLevel(levels[name])
        if shown:
            datasets.enable_progress_bars()


@contextmanager
def _one_line(data: str) -> Iterator[None]:
    """Context manager: turn what `datasets` raises into one sentence."""
    try:
        yield
    except Exception as error:  # of any type: loaders, the network and the hub raise their own
        text = " ".join(str(error).split()).rstrip(".")
        raise DataError(_sentence(data, text, list(_causes(error)))) from error


def _sentence(data: str, text: str, causes: Sequence[str]) -> str:
    """Return what an error of `datasets` means, from its text and the types of its causes."""
    available = re.search(r"(?:available configs|Available): \[(.*?)\]", text)
    if available is not None:
        names = listed([name.strip(" '\"") for name in available[1].split(",")])
        bare = data.partition("@")[0]
        return (
            f"{data} must name a configuration that the data set has: it has {names}. Name one of them, as in "
            f"{bare}@{names.partition(',')[0]}."
        )
    if set(causes) & NO_NETWORK:
        return (
            f"{data} must be in the cache of datasets or be loaded from the hub: the hub cannot be reached ({text[:80]}"
            "). Load it once where there is a network, or name a local folder."
        )
    if set(causes) & NOT_THERE:
        return f"{data} must be a data set of the hub, or a folder: there is none ({text[:160]}). Check the name."
    return (
        f"{data} must be a data set that load_dataset can load: it fails ({text[:160]}). Load it in Python to see why."
    )


def _causes(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield type(error).__name__
        error = error.__cause__ or error.__context__
