"""Liu, Dong and Lei (2026): spurious correlations."""
