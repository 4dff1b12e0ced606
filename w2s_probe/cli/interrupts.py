"""Ctrl-C and SIGTERM at any moment: one line, and the exit code that shells expect.

It imports little: until it is loaded, Ctrl-C is Python's own.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

LINES = {
    signal.SIGINT: "interrupted; what is cached stays valid",
    signal.SIGTERM: "terminated; what is cached stays valid",
}
DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
SAME = 1.0  # seconds in which a second signal means the first one: it does not disturb the cleaning
CLEANING = 5.0  # seconds that a verb has to end after SIGTERM


class Interrupts:
    """What a signal does: it ends the process at once while modules load, and is an exception while a verb works."""

    def __init__(self) -> None:
        self._number, self._time = 0, 0.0
        self._working = self._over = self._watched = False

    def start(self) -> None:
        """Take the signals from Python, but for those that the caller has ignored, as ``nohup`` does."""
        self._number, self._working, self._over = 0, False, False
        try:
            for number, default in DEFAULTS.items():
                if signal.getsignal(number) is default:
                    signal.signal(number, self._receive)
            if not self._watched:
                reader, writer = os.pipe()
                if hasattr(os, "set_blocking"):  # on Windows from Python 3.12 on
                    os.set_blocking(writer, False)
                signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
                _thread.start_new_thread(self._watch, (reader,))
                self._watched = True
        except ValueError:  # not in the main thread: it belongs to a program that calls this one
            return
        sys.unraisablehook = self._again(sys.unraisablehook)

    def work(self) -> None:
        """From now on a signal raises `KeyboardInterrupt`, so that a verb cleans up."""
        self._working = True

    def stop(self) -> None:
        """From now on signals are ignored: all is written, and the interpreter ends, which has no handlers then."""
        self._over = True
        for number in DEFAULTS:
            if signal.getsignal(number) == self._receive:
                signal.signal(number, signal.SIG_IGN)

    @property
    def line(self) -> str:
        """What to print after a signal, also if a library caught its exception; empty if there was none."""
        return LINES[signal.Signals(self._number)] if self._number else ""

    @property
    def exit_code(self) -> int:
        """Exit code of a process that a signal ends."""
        return 128 + (self._number or signal.SIGINT)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._over or (self._number and now - self._time < SAME):
            return
        cleans = self._working and not self._number
        self._number, self._time = self._number or number, now
        if cleans:
            raise KeyboardInterrupt
        self._end()

    def _watch(self, reader: int) -> None:
        """Receive the numbers of signals in a thread: native code can keep the main thread from its handler."""
        first: float | None = None  # time of the first Ctrl-C
        while number := os.read(reader, 1):
            now = time.monotonic()
            if number[0] == signal.SIGTERM:
                time.sleep(CLEANING)
                ends = True
            elif number[0] == signal.SIGINT:
                first = now if first is None else first
                ends = now - first >= SAME
            else:
                ends = False
            if ends and not self._over:
                self._number = self._number or number[0]
                self._end()

    def _end(self) -> None:
        """Print the line and end the process, without cleaning."""
        with contextlib.suppress(OSError):  # there may be no stderr
            os.write(2, f"{self.line}\n".encode())
        os._exit(self.exit_code)

    def _again(self, report: Callable[[sys.UnraisableHookArgs], object]) -> Callable[[sys.UnraisableHookArgs], None]:
        """Return a hook that sends a signal again if its exception got lost in a destructor, where none can pass."""

        def hook(lost: sys.UnraisableHookArgs) -> None:
            if self._number and isinstance(lost.exc_value, KeyboardInterrupt):
                number, self._number = self._number, 0
                _thread.interrupt_main(signal.Signals(number))
            else:
                report(lost)

        return hook


INTERRUPTS = Interrupts()
