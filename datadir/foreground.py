"""How does a server take its place as our child? Run as a program: drop root, ask to go when we go, become the server.

`python -I -S foreground.py PARENT SIGNAL UID:GID|- PROGRAM ARGUMENT...`

PARENT is our process id, SIGNAL what the kernel sends the server when we are gone. A program of its own instead of
code between fork and exec, because between those two a process with threads may do nothing but exec. The order
matters: changing the account clears the parent-death signal, so that is asked for afterwards, and a parent that died
before the asking is noticed by a look at who is the parent now. The signal is tied to the thread that started us, which
is why the launcher insists on the main thread. Elsewhere than on Linux there is no such signal; a server that
outlives us is then ended by the next start (`orphans`).
"""

import os
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, signal: int, account: str, program: list[str]) -> None:
    """Does not return: this process is the program from here on, or ends with a sentence on standard error."""
    if sys.platform == "linux":
        # Before the account changes: the new one may not be able to read our Python.
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    os.umask(0o077)
    try:
        if account != "-":
            uid, gid = map(int, account.split(":"))
            os.setgroups([gid])
            os.setgid(gid)
            os.setuid(uid)
        if sys.platform == "linux":
            prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
            if os.getppid() != parent:
                sys.exit(1)
        os.execv(program[0], program)
    except OSError as error:
        sys.exit(f"FATAL: cannot start {program[0]} as user {account}: {error.strerror}")


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
