"""``w2s-probe`` and ``python -m w2s_probe``: the entry point, which imports nothing before its `try`."""

import sys


def main() -> None:
    """Run the command line; whatever ends it is one line on stderr: exit 1, or 130 on Ctrl-C and 143 on SIGTERM."""
    try:
        from w2s_probe.cli.interrupts import INTERRUPTS

        INTERRUPTS.start()
        from w2s_probe.cli.main import exit_code

        code = exit_code()
    except BaseException as error:  # also what modules raise while they load
        code = _told(error)
    exec("0")  # noqa: S102  # CPython notes a Ctrl-C inside the exec of a text until the next one, and ends by a signal
    sys.exit(code)


def _told(error: BaseException) -> int:
    """Print one line on an error of which the command line's modules could not tell, and return the exit code."""
    import contextlib
    import os

    interrupted = isinstance(error, KeyboardInterrupt)
    if interrupted:
        line = "interrupted; what is cached stays valid"
    else:
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:600]
        line = (
            f"error: w2s_probe must be able to load its modules: got {ascii(cause)[1:-1]}. Check memory (ulimit -v) "
            f"and installation: {_install_line()}"
        )
        if os.environ.get("W2S_PROBE_TRACEBACK"):
            import traceback

            traceback.print_exception(error)
    with contextlib.suppress(OSError):  # there may be no stderr
        os.write(2, f"{line}\n".encode())
    return 130 if interrupted else 1


def _install_line() -> str:
    try:
        from w2s_probe.core.install import install_line

        return install_line("")
    except BaseException:  # no module can be loaded
        return "pip install --force-reinstall w2s-probe"


if __name__ == "__main__":
    main()
