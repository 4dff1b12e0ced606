"""Reports of fine-tunes."""
