"""Weak-to-strong reasoning of small decoders, for the verb ``reason``."""
