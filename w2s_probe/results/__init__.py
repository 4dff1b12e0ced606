"""Results of run, forecast, sweep and diagnose: frozen dataclasses, as ``--json`` prints them."""
