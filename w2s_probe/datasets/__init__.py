"""Tables of items and labels, from users' files or from the package."""

from w2s_probe.datasets.builtin import BUILT_IN
from w2s_probe.datasets.load import open_data
from w2s_probe.datasets.readers import read_table
from w2s_probe.datasets.splitfile import read_split_file, write_split_file
from w2s_probe.datasets.table import Table, missing_column, missing_label

__all__ = [
    "BUILT_IN",
    "Table",
    "missing_column",
    "missing_label",
    "open_data",
    "read_split_file",
    "read_table",
    "write_split_file",
]
