"""Bottlenecks by the `adapters` library on the small models of `tests/golden`: `python make.py GOLDEN_FOLDER`.

It needs the versions of `requirements.txt` beside it, which are older than the other parts'. The folder is not
beside the other parts, as Python would take `adapters.py` there for the library.
"""

import json
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.append(str(Path(__file__).resolve().parents[1]))

import adapters
import torch
import transformers
from adapters import BnConfig, DoubleSeqBnConfig, SeqBnConfig
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from common import generator, normal, tokens, write_json, write_tensors

SEED = 20310
STEPS = 10
OPTIMIZER = dict(lr=5e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
HOULSBY = DoubleSeqBnConfig(reduction_factor=4)
PFEIFFER = SeqBnConfig(reduction_factor=4.5)
CASES = {
    "bert_houlsby": ("families/bert_masked", HOULSBY),
    "bert_pfeiffer": ("families/bert_masked", PFEIFFER),
    "bert_drop": ("families/bert_masked", SeqBnConfig(reduction_factor=8, leave_out=[0])),
    "bert_lin": ("families/bert_masked", SeqBnConfig(reduction_factor=4, ln_before=True)),
    "roberta_houlsby": ("families/roberta_masked", DoubleSeqBnConfig(reduction_factor=16, non_linearity="gelu")),
    "roberta_head": ("families/roberta_classifier", PFEIFFER),
    "deberta_v2_pfeiffer": ("families/deberta_v2_convolution", PFEIFFER),
    "deberta_v2_houlsby": ("families/deberta_v2_classifier", HOULSBY),
    "gpt2_houlsby": ("gpt2_tiny", DoubleSeqBnConfig(reduction_factor=12, leave_out=[1])),
    "gpt2_pfeiffer": ("gpt2_tiny", SeqBnConfig(reduction_factor=12, non_linearity="gelu_new")),
    "gpt2_drop": ("gpt2_tiny", SeqBnConfig(reduction_factor=7.2, leave_out=[0])),
    "gpt2_lin": ("gpt2_tiny", SeqBnConfig(reduction_factor=8, ln_before=True)),
    "llama_houlsby": ("families/llama", DoubleSeqBnConfig(reduction_factor=4, non_linearity="tanh")),
    "llama_pfeiffer": ("families/llama", PFEIFFER),
    "mistral_pfeiffer": ("families/mistral", PFEIFFER),
    "qwen2_houlsby": ("families/qwen2", HOULSBY),
}


def main(root: Path) -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    here, log = root / "adapterhub", {}
    for number, (name, (base, config)) in enumerate(CASES.items()):
        torch.manual_seed(SEED + number)
        model = load_base(root / base)
        log[name] = {"base": base, **record(model, config, here, name, number)}
    versions = {package: version(package) for package in ("adapters", "transformers", "torch", "safetensors")}
    write_json(here / "cases.json", {"versions": versions, "cases": log})


def load_base(folder: Path) -> torch.nn.Module:
    """
    In float64, so that only what reads the files rounds. Not DeBERTa 1: version 1.3.0 of the library computes
    something else than transformers there, without any adapter.
    """
    config = AutoConfig.from_pretrained(folder)
    kind = getattr(transformers, config.architectures[0])
    model = kind.from_pretrained(folder, config=config, attn_implementation="eager", dtype=torch.float64).eval()
    ids = torch.tensor(tokens(generator(SEED), 2, 8, config.vocab_size))
    with torch.no_grad():
        before = model(ids).logits
        adapters.init(model)
        assert torch.equal(model(ids).logits, before), f"the library changes {folder.name} without an adapter"
    return model


def record(model: torch.nn.Module, config: BnConfig, here: Path, name: str, number: int) -> dict:
    model.add_adapter("task", config=config)
    model.set_active_adapters("task")
    source, own = generator(SEED + number), trained(model, with_head=name.endswith("_head"))
    with torch.no_grad():  # far from the start, where biases and norms do nothing
        for parameter in own.values():
            parameter.add_(normal(source, *parameter.shape, std=0.2))
    save(model, here / name, with_head=name.endswith("_head"))
    case = make_case(model, source)
    logits = logits_of(model, case)
    losses = train(model, list(own.values()), case)
    tensors = {"logits": logits, **{f"final.{key}": value for key, value in own.items()}}
    write_tensors(here / f"{name}.safetensors", {key: value.float() for key, value in tensors.items()})
    return {"case": case, "losses": losses, "values": sum(value.numel() for value in own.values())}


@torch.no_grad()
def logits_of(model: torch.nn.Module, case: dict) -> torch.Tensor:
    """With the adapter, which must be active, as that changes them."""
    ids = torch.tensor(case["input_ids"])
    with_it = model(ids).logits
    model.set_active_adapters(None)
    assert not torch.allclose(with_it, model(ids).logits, atol=1e-3)
    model.set_active_adapters("task")
    return with_it


def trained(model: torch.nn.Module, with_head: bool) -> dict[str, torch.nn.Parameter]:
    """The adapter's, and those of a classifier's head; the head of a language model stays the base's."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".adapters." in name or with_head and name.startswith("classifier"))
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def save(model: torch.nn.Module, folder: Path, with_head: bool) -> None:
    """The library's safetensors; of Lin's form, whose norm it has twice, its pickle, converted as our error says."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.float()
    if model.adapters_config.get("task").ln_before:
        model.save_adapter(folder, "task", with_head=False)
        state = torch.load(folder / "pytorch_adapter.bin", weights_only=True)
        save_file({key: value.clone().contiguous() for key, value in state.items()}, folder / "adapter.safetensors")
        (folder / "pytorch_adapter.bin").unlink()
    else:
        model.save_adapter(folder, "task", with_head=with_head, use_safetensors=True)
    settings = folder / "adapter_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "model_name": ""}, indent=2) + "\n")
    model.double()


def make_case(model: torch.nn.Module, source: torch.Generator) -> dict:
    ids = tokens(source, 3, 8, model.config.vocab_size)
    if model.config.architectures[0].endswith("SequenceClassification"):
        return {"input_ids": ids, "labels": [0, 2, 1]}
    if model.config.architectures[0].endswith("MaskedLM"):
        hidden = torch.rand(3, 8, generator=source) < 0.4
        labels = torch.where(hidden, torch.randint(model.config.vocab_size, (3, 8), generator=source), -100)
        return {"input_ids": ids, "labels": labels.tolist()}
    return {"input_ids": ids, "labels": ids}


def train(model: torch.nn.Module, parameters: list, case: dict) -> list[float]:
    optimizer, losses = torch.optim.AdamW(parameters, **OPTIMIZER), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = model(**{key: torch.tensor(value) for key, value in case.items()}).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    main(Path(sys.argv[1]))
