"""Runs a command, and then prints the most bytes that it had in memory, as the system counts: peak_memory.py COMMAND …"""

import resource
import subprocess
import sys

code = subprocess.run(sys.argv[1:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak if sys.platform == "darwin" else 1024 * peak)
sys.exit(code)
