"""Small models of many families with an adapter each, and whether what was merged into them is what PEFT merges.

    python scripts/golden/merge_families.py make FOLDER    # FOLDER/NAME/base and FOLDER/NAME/adapter
    python scripts/golden/merge_families.py check FOLDER   # reads FOLDER/NAME/merged too, prints JSON by NAME

`loaded` is whether transformers finds every tensor and no other; `config` whether config.json is the same file; `files`
whether the weights are in files of the same names; `steps` is the largest difference of a weight from PEFT's
merge_and_unload in F32, rounded to the dtype, in steps of the dtype; `difference` the same relative to the tensor's largest.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from transformers import AutoConfig, logging

from check_merged import steps

SMALL = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, vocab_size=61)
# Class, fields, targets, dtype, fields of LoraConfig beyond them.
CASES = {
    "llama": ("LlamaForCausalLM", SMALL | {"num_key_value_heads": 1}, "all-linear", torch.bfloat16, {}),
    "qwen3": (
        "Qwen3ForCausalLM", SMALL | {"num_key_value_heads": 1, "head_dim": 6, "tie_word_embeddings": True}, "all-linear",
        torch.bfloat16, {},
    ),
    "gpt2": (
        "GPT2LMHeadModel", dict(n_embd=24, n_layer=2, n_head=3, vocab_size=61, n_positions=16, activation_function="relu"),
        "all-linear", torch.float32, {"fan_in_fan_out": True},
    ),
    "gpt_neox": (
        "GPTNeoXForCausalLM", SMALL | {"use_parallel_residual": False, "attention_bias": False}, "all-linear", torch.float16, {},
    ),
    "phi3": ("Phi3ForCausalLM", SMALL | {"pad_token_id": 0}, ["qkv_proj", "gate_up_proj", "down_proj"], torch.float16, {}),
    "mamba": (
        "MambaForCausalLM", dict(hidden_size=24, num_hidden_layers=2, vocab_size=61, state_size=4),
        ["in_proj", "x_proj"], torch.float32, {},
    ),
    "t5": (
        "T5ForConditionalGeneration", dict(d_model=24, d_kv=8, num_heads=3, d_ff=40, num_layers=2, vocab_size=61),
        "all-linear", torch.bfloat16, {},
    ),
    "bert": (
        "BertForSequenceClassification", SMALL | {"num_labels": 3, "max_position_embeddings": 16},
        "all-linear", torch.float32, {"task_type": "SEQ_CLS", "modules_to_save": ["classifier"]},
    ),
}


def make(root: Path, names: list[str]) -> None:
    for name in names:
        model, fields, targets, dtype, more = CASES[name]
        torch.manual_seed(1)
        made = getattr(transformers, model)(AutoConfig.for_model(name, **fields)).to(dtype)
        made.save_pretrained(root / name / "base", max_shard_size="8KB")
        adapted = get_peft_model(made, LoraConfig(r=4, lora_alpha=6, target_modules=targets, **more))
        with torch.no_grad():
            for key, parameter in adapted.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(torch.randn(parameter.shape) * 0.1)
        adapted.save_pretrained(root / name / "adapter")


def check(root: Path, names: list[str]) -> None:
    print(json.dumps({name: compare(root / name, *CASES[name]) for name in names}))


def compare(folder: Path, model: str, fields: dict, targets: object, dtype: torch.dtype, more: dict) -> dict:
    kind = getattr(transformers, model)
    base = kind.from_pretrained(folder / "base", dtype=torch.float32)
    theirs = PeftModel.from_pretrained(base, folder / "adapter").merge_and_unload().state_dict()
    ours, info = kind.from_pretrained(folder / "merged", dtype=dtype, output_loading_info=True)
    state = ours.state_dict()
    assert theirs.keys() == state.keys(), theirs.keys() ^ state.keys()
    text = [(folder / part / "config.json").read_bytes() for part in ("base", "merged")]
    files = [sorted(path.name for path in (folder / part).glob("*.safetensors*")) for part in ("base", "merged")]
    floats = [(state[key], theirs[key].to(state[key].dtype)) for key in state if theirs[key].is_floating_point()]
    return {
        "loaded": not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")),
        "config": text[0] == text[1],
        "files": len(files[0]) if files[0] == files[1] else 0,
        "dtype": stored(folder / "merged"),
        "steps": max(steps(one, other) for one, other in floats),
        "difference": max(float((one - other).abs().max() / other.abs().max()) for one, other in floats),
    }


def stored(folder: Path) -> str:
    found = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found |= {str(file.get_tensor(key).dtype) for key in file.keys()}
    return " ".join(sorted(found)).replace("torch.", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["make", "check"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    (make if options.action == "make" else check)(options.folder, options.only)


if __name__ == "__main__":
    main()
