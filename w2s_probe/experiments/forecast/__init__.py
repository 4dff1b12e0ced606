"""What a run will find, from labels of the labeled rows alone."""
