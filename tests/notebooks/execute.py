"""Runs notebooks in place, as `jupyter execute` does, and waits for outputs that come late."""

import sys

import nbformat
from nbclient import NotebookClient

SECONDS = 300  # nbclient drops what a busy kernel sends more than 4 seconds after its reply

for path in sys.argv[1:]:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=SECONDS, iopub_timeout=SECONDS, allow_errors=True)
    client.execute()
    nbformat.write(notebook, path)
