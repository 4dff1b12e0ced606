"""Report of ``reason``."""
