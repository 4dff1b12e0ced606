"""The files of this folder are no tests, and cosmic-ray is in the extra `mutants` only."""

collect_ignore_glob = ["*.py"]
