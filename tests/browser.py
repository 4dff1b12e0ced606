"""A real headless Chromium, spoken to over its debugging pipe: no driver, no port, no network."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Browser", "open_browser"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT = 60.0


class Browser:
    """One page of a running Chromium, and every event it has reported."""

    def __init__(self, send: int, receive: int) -> None:
        self.events: list[dict[str, Any]] = []
        self._send, self._receive, self._rest, self._number = send, receive, b"", 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def open(self, page: Path, *, width: int, scheme: str) -> None:
        """Load a file as a phone or a desktop of this width would, in light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._read()

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its answer; events that come first are kept."""
        self._number += 1
        session = {} if self._session is None else {"sessionId": self._session}
        message = {"id": self._number, "method": method, "params": parameters, **session}
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        end = time.monotonic() + TIMEOUT
        while b"\0" not in self._rest:
            assert select.select([self._receive], [], [], max(0.0, end - time.monotonic()))[0], "Chromium is silent"
            got = os.read(self._receive, 1 << 16)
            assert got, "Chromium has ended"
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a profile in `folder`; without Chromium the test fails and says what to install."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.fail(f"these tests need a browser, one of {', '.join(NAMES)}. Run: apt-get install chromium")
    ours, theirs = os.pipe(), os.pipe()  # it reads commands from file descriptor 3 and writes to 4
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")
    shell = f'exec 3<&{ours[0]} 4>&{theirs[1]}; exec "$@"'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", program, *flags, f"--user-data-dir={folder}"],
        pass_fds=(ours[0], theirs[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(ours[0])
    os.close(theirs[1])
    try:
        yield Browser(ours[1], theirs[0])
    finally:
        process.terminate()
        process.wait(TIMEOUT)
        os.close(ours[1])
        os.close(theirs[0])
