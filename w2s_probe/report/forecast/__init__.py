"""Report of a forecast."""
