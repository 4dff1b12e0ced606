"""Tables of items and labels: a user's files, and real data that comes with the package."""

from w2s_probe.datasets.builtin import BUILT_IN, load_builtin
from w2s_probe.datasets.load import open_data
from w2s_probe.datasets.readers import read_table
from w2s_probe.datasets.splitfile import read_split_file, write_split_file
from w2s_probe.datasets.table import Table, missing_column

__all__ = [
    "BUILT_IN",
    "Table",
    "load_builtin",
    "missing_column",
    "open_data",
    "read_split_file",
    "read_table",
    "write_split_file",
]
