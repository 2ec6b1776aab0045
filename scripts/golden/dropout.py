"""The loss of a model in training under dropout: what transformers drops, in the mean over many seeds."""

import json
import tempfile
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel

from common import generator, load_tiny, tokens, write_json

SEED = 20290
DRAWS = 400
FILES = {
    "dropout.json": "losses of gpt2_tiny in training mode on `ids`, all labels counted: for rates of embd_pdrop and "
    "resid_pdrop (attn_pdrop is 0) the `mean` and standard deviation `std` over `draws` draws of the masks",
}
# The effect of either rate alone, and of both where they differ.
RATES = [(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.1, 0.5)]


def make(root: Path) -> None:
    ids = tokens(generator(SEED), 4, 16)
    cases = [measure(with_rates(root, *rates), ids, rates) for rates in RATES]
    write_json(root / "dropout.json", {"ids": ids, "draws": DRAWS, "cases": cases})


def with_rates(root: Path, embeddings: float, residuals: float) -> GPT2LMHeadModel:
    """Loaded from a folder whose config.json has the rates."""
    model = load_tiny(root)
    model.config.embd_pdrop, model.config.resid_pdrop, model.config.attn_pdrop = embeddings, residuals, 0.0
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        saved = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        assert (saved["embd_pdrop"], saved["resid_pdrop"]) == (embeddings, residuals)
        return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").train()


@torch.no_grad()
def measure(model: GPT2LMHeadModel, ids: list[list[int]], rates: tuple[float, float]) -> dict:
    torch.manual_seed(SEED)
    batch = torch.tensor(ids)
    losses = torch.tensor([model(batch, labels=batch, use_cache=False).loss.item() for _ in range(DRAWS)], dtype=torch.float64)
    embeddings, residuals = rates
    return {"embd_pdrop": embeddings, "resid_pdrop": residuals, "mean": losses.mean().item(), "std": losses.std().item()}
