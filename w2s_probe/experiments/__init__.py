"""From arrays to results: run, forecast, sweep, and the search for suspects."""
