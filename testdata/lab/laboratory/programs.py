# SPDX-License-Identifier: Apache-2.0
"""Starting and ending programs. Each is ended by the id of its own process (group)."""
import os
import signal
import subprocess
import time
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
PYTHON = "/usr/bin/python3"


class Program:
    def __init__(self, argv, log, ready=None, environment=None):
        self.argv, self.log, self.ready = argv, log, ready
        self.started = time.time()
        with open(log, "ab") as out:
            self.begins = out.tell()  # another program may have written there
            self.process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True,
                env={**os.environ, **(environment or {}), "PYTHONDONTWRITEBYTECODE": "1",
                     "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"})
        if ready is not None:
            self.wait_for(ready)

    def text(self):
        return Path(self.log).read_bytes()[self.begins:].decode(errors="replace")

    def wait_for(self, words, seconds=20.0):
        """Until the program has written `words`."""
        deadline = time.monotonic() + seconds
        while words not in self.text():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.argv} ended: {self.text().strip()[-400:]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.argv} did not say \"{words}\": {self.text()[-400:]}")
            time.sleep(0.02)

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, seconds):
        """Until it has ended by itself; its exit status."""
        return self.process.wait(timeout=seconds)

    def stop(self, how=signal.SIGTERM):
        """Ends the program and what it has started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process.stdin.close()

    def kill(self):
        self.stop(signal.SIGKILL)
