"""Forecasts: the expected result of a run, from the labels of the labeled rows alone."""
