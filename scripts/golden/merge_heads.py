"""Bases that predict tokens, adapters of classifiers on their trunks, and whether the merged classifiers are PEFT's.

    python scripts/golden/merge_heads.py make FOLDER    # FOLDER/NAME/base and FOLDER/NAME/adapter
    python scripts/golden/merge_heads.py check FOLDER   # reads FOLDER/NAME/merged too, prints JSON by NAME

`loaded` is whether transformers finds every tensor of the classifier and no other; `type` the class that the merged folder
names; `difference` the largest one between its logits and those of the base with the adapter in PEFT.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForSequenceClassification, logging

SMALL = dict(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, vocab_size=61, pad_token_id=1,
    max_position_embeddings=20,
)
# The class that the base is saved as, the class that its configuration names, fields. The published BERT is the whole
# of what was pretrained, under the name of the masked model.
CASES = {
    "bert": ("BertForPreTraining", "BertForMaskedLM", SMALL),
    "roberta": ("RobertaForMaskedLM", "RobertaForMaskedLM", SMALL),
    "llama": ("LlamaForCausalLM", "LlamaForCausalLM", SMALL | {"num_key_value_heads": 1}),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2ForCausalLM", SMALL | {"num_key_value_heads": 1}),
    "gpt2": (
        "GPT2LMHeadModel", "GPT2LMHeadModel",
        dict(n_embd=24, n_layer=2, n_head=3, vocab_size=61, n_positions=20, pad_token_id=1),
    ),
}
DISTANCES = SMALL | {"relative_attention": True, "position_biased_input": False, "type_vocab_size": 0}
# Files of a masked DeBERTa have no pooler, which its classifier needs and PEFT does not save by itself.
CASES |= {
    "deberta": ("DebertaForMaskedLM", "DebertaForMaskedLM", DISTANCES | {"pos_att_type": ["c2p", "p2c"]}),
    "deberta-v2": (
        "DebertaV2ForMaskedLM", "DebertaV2ForMaskedLM",
        DISTANCES | {"pos_att_type": ["c2p", "p2c"], "share_att_key": True, "position_buckets": 6, "norm_rel_ebd": "layer_norm"},
    ),
}
LABELS = 3


def make(root: Path) -> None:
    for name, (saved, named, fields) in CASES.items():
        torch.manual_seed(2)
        base = root / name / "base"
        getattr(transformers, saved)(AutoConfig.for_model(name, **fields)).save_pretrained(base)
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps(config | {"architectures": [named]}))
        # PEFT's own default trains `classifier` and `score` in full beside the adapter.
        has_pooler = not name.startswith("deberta")
        lora = LoraConfig(
            r=4, lora_alpha=6, target_modules="all-linear" if has_pooler else None, task_type="SEQ_CLS",
            modules_to_save=None if has_pooler else ["pooler"], fan_in_fan_out=name == "gpt2",
        )
        adapted = get_peft_model(classifier(base, num_labels=LABELS), lora)
        with torch.no_grad():
            for parameter in adapted.parameters():
                if parameter.requires_grad:
                    parameter.copy_(torch.randn(parameter.shape) * 0.2)
        adapted.save_pretrained(root / name / "adapter")


def classifier(folder: Path, **options):
    return AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, **options)


def check(root: Path) -> None:
    print(json.dumps({name: compare(root / name) for name in CASES}))


def compare(folder: Path) -> dict:
    theirs = PeftModel.from_pretrained(classifier(folder / "base", num_labels=LABELS), folder / "adapter").eval()
    ours, info = classifier(folder / "merged", output_loading_info=True)
    ids = torch.tensor([[5, 9, 30, 7, 60], [8, 2, 11, 1, 1]])
    inputs = {"input_ids": ids, "attention_mask": (ids != 1).long()}
    with torch.no_grad():
        difference = (ours.eval()(**inputs).logits - theirs(**inputs).logits).abs().max()
    return {
        "loaded": not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")),
        "type": json.loads((folder / "merged" / "config.json").read_text())["architectures"][0],
        "difference": float(difference),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["make", "check"])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    (make if options.action == "make" else check)(options.folder)


if __name__ == "__main__":
    main()
