"""The program that the main process of a service becomes once a new process has taken over.

systemd and containers follow one process, and end everything when it ends.  So the first server,
when it has handed everything over, becomes this program, by ``exec``: it keeps its process number,
and some megabytes.  It passes signals on to the server, waits for it, and ends as it ends.  Servers
that take over later become its children too, because it adopts orphans (Linux).

It runs by its path with Python's standard library alone, so a new release cannot break it::

    python -I -S keeper.py PID DESCRIPTOR

PID is the server; from DESCRIPTOR come the numbers of those that take over, one a line.
"""

import contextlib
import ctypes
import os
import signal
import sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
PR_SET_CHILD_SUBREAPER = 36
#: The kernel sent it: a terminal, whose whole foreground group gets it.
SI_KERNEL = 128


def become_subreaper() -> None:
    """Adopt the orphans among the descendants of this process."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Keeper:
    """Follows the server ``pid``, and those whose numbers come from ``successors``."""

    def __init__(self, pid: int, successors: int) -> None:
        self.pid = pid
        self._successors = successors
        os.set_blocking(successors, False)
        self._text = b""

    def run(self) -> int:
        """Pass signals on until the server has ended; return its wait status."""
        waited = {*PASSED_ON, signal.SIGCHLD}
        while (status := self._reap()) is None:
            told = signal.sigwaitinfo(waited)
            if told.si_signo != signal.SIGCHLD and told.si_code != SI_KERNEL:
                self._read_successors()
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, told.si_signo)
        return status

    def _reap(self) -> "int | None":
        """Reap the children that have ended; return the status of the last server, or None."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 0  # cannot be: the server is a child
            if not pid:
                return None
            self._read_successors()
            if pid == self.pid:
                return status

    def _read_successors(self) -> None:
        try:
            while data := os.read(self._successors, 1024):
                self._text += data
        except BlockingIOError:
            pass
        *lines, self._text = self._text.split(b"\n")
        if lines:
            self.pid = int(lines[-1])


def main() -> None:
    """Keep, and end as the server does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, signal.SIGCHLD})
    become_subreaper()
    status = Keeper(int(sys.argv[1]), int(sys.argv[2])).run()
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)


if __name__ == "__main__":
    main()
