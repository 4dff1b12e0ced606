"""Files that a colleague can open."""
