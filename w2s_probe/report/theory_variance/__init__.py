"""Report of ``theory variance``."""
