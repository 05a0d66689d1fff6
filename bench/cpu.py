"""CPU time of processes and of the machine, in seconds."""

import os
import resource
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def machine_busy():
    """Seconds of CPU that the machine has spent, all cores together."""
    fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]))
    return (sum(fields[:8]) - fields[3] - fields[4]) / TICK


def family_seconds(pid):
    """CPU of a process and everything below it, also of what has ended there."""
    stats = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rsplit(")", 1)[1].split()
            stats[int(file.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
        except OSError:
            pass
    below = lambda parent: sum(ticks + below(child) for child, (above, ticks) in stats.items() if above == parent)
    return (stats.get(pid, (0, 0))[1] + below(pid)) / TICK


def clients_seconds():
    """CPU of the load programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
