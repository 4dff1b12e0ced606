"""Opens the user's data: a table, an image folder or built-in data."""

from __future__ import annotations

from pathlib import Path

from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.core.files import is_folder
from w2s_probe.datasets.table import Table


def open_data(config: DataConfig) -> Table:
    """Return the built-in data, the file or the folder that `config` names.

    Parameters
    ----------
    config : DataConfig
        Name of the data, and names of its columns.
    """
    from w2s_probe.datasets.builtin import load_builtin
    from w2s_probe.datasets.folders import read_folder
    from w2s_probe.datasets.published import with_published_split
    from w2s_probe.datasets.readers import read_table

    if config.data.startswith("builtin:"):
        if config.image:
            msg = f"--image must be left out for {config.data}, which has no files: got {config.image}. Remove --image."
            raise DataError(msg)
        return load_builtin(config)
    path = Path(config.data)
    return with_published_split(read_folder(path, config) if is_folder(path) else read_table(path, config))
