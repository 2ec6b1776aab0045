"""Logits of the base model in the input format of `lowrank logits`."""

from pathlib import Path

from common import generator, load_tiny, logits_of, read_json, tokens, write_json, write_tensors

SEED = 20241
FILES = {
    "logits.json": "inputs of `lowrank logits`: plain, single, full_length, right_padding, left_padding, "
    "offset_positions",
    "logits.safetensors": "`logits.CASE` (batch, time, 61) of gpt2_tiny and gpt2_tiny_bare",
    "logits_f16.safetensors": "the same of gpt2_tiny_f16: weights as stored, arithmetic in F32",
    "logits_bf16.safetensors": "the same of gpt2_tiny_bf16: weights as stored, arithmetic in F32",
}
NOTES = {
    "validPositions": "in every file of logits compare only positions whose attention_mask is 1 (all, where a case "
    "has no mask): what a model says at padding is not defined. right_padding is valid at [0, 0:10], [1, 0:7], "
    "[2, 0:1]; left_padding at [0, 0:10], [1, 3:10], [2, 9:10].",
    "positionsWithoutMask": "transformers 5 reads jumps of position_ids as packed sequences when there is no mask; "
    "offset_positions has no jump, so only its position embeddings differ from those of plain.",
    "logitsTolerance": "5e-5 absolute tells right from wrong",
}


def make(root: Path) -> None:
    cases = make_cases()
    write_json(root / "logits.json", {"cases": cases})
    for suffix in ("", "_f16", "_bf16"):
        model = load_tiny(root, f"gpt2_tiny{suffix}")
        write_tensors(root / f"logits{suffix}.safetensors", logits_of(model, cases))


def read_cases(root: Path) -> dict:
    return read_json(root / "logits.json")["cases"]


def make_cases() -> dict:
    source = generator(SEED)
    plain = tokens(source, 2, 9)
    lengths = [10, 7, 1]
    return {
        "plain": {"input_ids": plain},
        "single": {"input_ids": tokens(source, 1, 1)},
        "full_length": {"input_ids": tokens(source, 1, 32)},
        "right_padding": padded(tokens(source, 3, 10), lengths, left=False),
        "left_padding": padded(tokens(source, 3, 10), lengths, left=True),
        "offset_positions": {"input_ids": plain, "position_ids": [list(range(7, 16))] * 2},
    }


def padded(rows: list[list[int]], lengths: list[int], left: bool) -> dict:
    """Padding holds ordinary token ids, so that a model which looks at it gives itself away."""
    width = len(rows[0])
    real = [[1] * length for length in lengths]
    fill = [[0] * (width - length) for length in lengths]
    mask = [f + r if left else r + f for r, f in zip(real, fill)]
    if not left:
        return {"input_ids": rows, "attention_mask": mask}
    positions = [f + list(range(len(r))) for r, f in zip(real, fill)]
    return {"input_ids": rows, "attention_mask": mask, "position_ids": positions}
