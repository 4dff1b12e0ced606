"""From arrays to a result: run, forecast and sweep, and the search for suspects."""
