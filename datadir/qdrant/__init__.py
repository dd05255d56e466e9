"""Where do vectors rest, and how do texts become vectors?

This file runs before any module of the package, so it is where OpenBLAS is told to use one thread: the setting is
read when numpy is loaded. With the default, two threads spin against the event loop and a query takes 75 ms instead
of 10 ms on two cores.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
