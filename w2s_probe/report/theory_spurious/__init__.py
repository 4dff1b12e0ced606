"""Report of ``theory spurious``."""
