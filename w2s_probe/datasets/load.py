"""Opens the user's data: tables, images or built-in data."""

from __future__ import annotations

from pathlib import Path

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets.data_files import DataFiles, find_files
from w2s_probe.datasets.table import Table


def open_data(config: DataConfig) -> Table:
    """Return the built-in data, the files, the folder or the data set of the hub that `config` names.

    Parameters
    ----------
    config : DataConfig
        Name of the data, and names of its columns.
    """
    from w2s_probe.datasets.builtin import load_builtin
    from w2s_probe.datasets.folders import read_folder
    from w2s_probe.datasets.published import with_published_split
    from w2s_probe.datasets.readers import table_of_files
    from w2s_probe.datasets.tars import read_tars

    if config.data.startswith("builtin:"):
        if config.image:
            msg = f"--image must be left out for {config.data}, which has no files: got {config.image}. Remove --image."
            raise DataError(msg)
        return load_builtin(config)
    files = open_files(config)
    if files is None:
        return with_published_split(read_folder(Path(config.data), config))
    table = read_tars(files, config) if files.kind == "tar" else table_of_files(files, config)
    return with_published_split(table)


def open_files(config: DataConfig) -> DataFiles | None:
    """Return the files of the data, those of a data set of the hub after it is loaded; None for a folder of images.

    Parameters
    ----------
    config : DataConfig
        Name of the data.
    """
    from w2s_probe.datasets.hub import load_hub

    if config.data.startswith("hf:"):
        return load_hub(config.data, split=config.own_parts)
    return find_files(config.data, split=config.own_parts)
