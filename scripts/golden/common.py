"""What every part of the golden files shares: random values, files on disk, one way to run the model."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GPT2LMHeadModel

IGNORED = -100


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(source: torch.Generator, *shape: int, std: float = 1.0) -> torch.Tensor:
    return torch.randn(*shape, generator=source) * std


def tokens(source: torch.Generator, rows: int, length: int, vocabulary: int = 61) -> list[list[int]]:
    return torch.randint(vocabulary, (rows, length), generator=source).tolist()


def load_tiny(root: Path, name: str = "gpt2_tiny") -> GPT2LMHeadModel:
    """The base model in F32, with the plain attention (no fused kernel) and without a path in its config."""
    model = GPT2LMHeadModel.from_pretrained(
        root / name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    model.name_or_path = model.config._name_or_path = name
    return model


def run_case(model: torch.nn.Module, case: dict, **more) -> object:
    """One forward pass on a case of an input file; keys that the model does not know are left out."""
    known = ("input_ids", "attention_mask", "position_ids", "token_type_ids", "labels")
    inputs = {key: torch.tensor(case[key]) for key in known if key in case}
    no_cache = {} if model.config.model_type in ("bert", "roberta", "mpnet") else {"use_cache": False}
    return model(**inputs, **no_cache, **more)


@torch.no_grad()
def logits_of(model: torch.nn.Module, cases: dict, names=None) -> dict[str, torch.Tensor]:
    return {
        f"logits.{name}": run_case(model, _unlabelled(cases[name])).logits
        for name in names or cases
    }


def _unlabelled(case: dict) -> dict:
    return {key: value for key, value in case.items() if key != "labels"}


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    save_file(kept, path, metadata={"format": "pt"})


def write_json(path: Path, value: object) -> None:
    """JSON with one line per innermost list, so that ids and losses stay readable in a diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_layout(value, "") + "\n", encoding="utf-8")


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _layout(value: object, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = [f"{inner}{json.dumps(key)}: {_layout(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
        return "[\n" + ",\n".join(inner + _layout(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)
