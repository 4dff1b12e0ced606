"""Files of a result: JSON, Parquet, pages, predictions, heads."""
