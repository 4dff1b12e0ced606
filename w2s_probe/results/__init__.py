"""What a run, a forecast, a sweep or a diagnosis found: frozen dataclasses that ``--json`` prints."""
