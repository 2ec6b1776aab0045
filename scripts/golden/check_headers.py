"""Prints, for each safetensors file in a JSON list of base64, whether the reference reads it."""

import base64
import json
import sys

from safetensors import SafetensorError, deserialize


def reason(data: bytes) -> str | None:
    """Why the reference refuses a file, or None where it reads it."""
    try:
        deserialize(data)
    except SafetensorError as error:
        return str(error)
    return None


with open(sys.argv[1]) as file:
    print(json.dumps([reason(base64.b64decode(text)) for text in json.load(file)]))
