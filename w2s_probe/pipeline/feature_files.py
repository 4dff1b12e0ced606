"""Features computed elsewhere: one file, or shards in a folder or a pattern, of any format."""

from __future__ import annotations

from pathlib import Path

from w2s_probe.core.config import DataConfig
from w2s_probe.pipeline.feature_addresses import files_of, parse_address
from w2s_probe.pipeline.feature_arrays import read_arrays
from w2s_probe.pipeline.feature_content import FeatureFile, TemporaryFile
from w2s_probe.pipeline.feature_parquet import read_parquets


def read_features(
    address: Path | str, data: DataConfig | None = None, *, temporary: TemporaryFile | None = None
) -> FeatureFile:
    """Return the features of a file or of shards, and their ids if there are any.

    No features are copied into memory but those of .npz files, small ones of Parquet files, and all if there is no
    place for temporary files.

    Parameters
    ----------
    address : Path or str
        A file, a folder of shards, or a pattern of shards such as ``DIR/*.npy``; shards are read in the order of their
        numbers. ``.npy``: a 2-D array. ``.npz`` and ``.safetensors``: ``X``, else the only matrix, and optionally
        ``ids``; ``FILE#NAME`` names an array. ``.parquet``: see `choose_columns`, and optionally ``id``;
        ``FILE#COLUMN`` and ``FILE#a,b,c`` name columns.
    data : DataConfig, optional
        The table; its id column is the file's id column too, and its other columns are no features.
    temporary : callable, optional
        Opens a temporary file, such as `FeatureStore.temporary_file`.

    Raises
    ------
    DataError
        If there is no such file, it is not what its suffix says, it can be read in two ways, or shards do not fit
        together.
    ShapeError
        If an array is not two-dimensional, empty, not numeric, or not finite.
    """
    path, chosen = parse_address(str(address))
    files = files_of(path)
    read = read_parquets if files.suffix == ".parquet" else read_arrays
    return read(files, chosen, data, temporary)
