"""Logits of a sequence classifier on the base model's trunk, and of token types, which GPT-2 adds to the embeddings."""

from pathlib import Path

import torch
from transformers import GPT2ForSequenceClassification

from common import generator, load_tiny, logits_of, normal, tokens, write_json, write_tensors

SEED = 20261
PADDING = 0
FILES = {
    "classifier/": "GPT2ForSequenceClassification.save_pretrained, F32: the trunk of gpt2_tiny, `score.weight` (3, 48), "
    "pad_token_id 0, id2label with three names",
    "classifier.json": "inputs as those of `lowrank logits`: padded (on the right, and one sequence of padding alone), "
    "left_padding, token_types (for gpt2_tiny)",
    "classifier.safetensors": "`logits.CASE` (batch, 3) of the classifier, and `logits.token_types` (batch, time, 61) of "
    "gpt2_tiny",
}


def make(root: Path) -> None:
    model = random_classifier(root)
    model.save_pretrained(root / "classifier")
    cases = make_cases()
    write_json(root / "classifier.json", {"cases": cases})
    classes = logits_of(model, cases, ["padded", "left_padding"])
    typed = logits_of(load_tiny(root), cases, ["token_types"])
    write_tensors(root / "classifier.safetensors", classes | typed)


def random_classifier(root: Path) -> GPT2ForSequenceClassification:
    model = GPT2ForSequenceClassification.from_pretrained(
        root / "gpt2_tiny", dtype=torch.float32, attn_implementation="eager", pad_token_id=PADDING,
        id2label={0: "no", 1: "maybe", 2: "yes"}, label2id={"no": 0, "maybe": 1, "yes": 2},
    ).eval()
    model.config._name_or_path = "gpt2_tiny"
    with torch.no_grad():
        model.score.weight.copy_(normal(generator(SEED), *model.score.weight.shape, std=0.3))
    return model


def make_cases() -> dict:
    source = generator(SEED + 1)
    rows = [[1 + id % 60 for id in row] for row in tokens(source, 4, 8)]
    rows[0][3] = PADDING  # within a sequence, it does not end it
    lengths = [8, 5, 1, 0]
    filled = [row[:length] + [PADDING] * (8 - length) for row, length in zip(rows, lengths)]
    turned = [[PADDING] * (8 - length) + row[:length] for row, length in zip(rows, lengths)]
    mask = [[1] * length + [0] * (8 - length) for length in [8, 5, 1, 8]]
    types = torch.randint(2, (2, 6), generator=source).tolist()
    return {
        "padded": {"input_ids": filled, "attention_mask": mask},
        "left_padding": {"input_ids": turned},
        "token_types": {"input_ids": tokens(source, 2, 6), "token_type_ids": types},
    }
