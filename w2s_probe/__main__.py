"""``python -m w2s_probe`` is the command line."""

from w2s_probe.cli.main import main

if __name__ == "__main__":
    main()
