"""Prints as JSON where huggingface_hub finds files of a repository, and what is wrong with its cache.

    python hub_cache.py local|online OWNER/NAME FILE...
"""

import json
import sys

from huggingface_hub import hf_hub_download, scan_cache_dir

mode, repository, *files = sys.argv[1:]
paths = [hf_hub_download(repository, file, local_files_only=mode == "local") for file in files]
print(json.dumps({"paths": paths, "warnings": [str(warning) for warning in scan_cache_dir().warnings]}))
