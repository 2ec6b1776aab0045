"""Low-rank updates of q, k or v alone: rows of the fused c_attn, each with its own A and B."""

from pathlib import Path

import torch
from transformers import GPT2LMHeadModel

from common import generator, load_tiny, normal, run_case, write_json, write_tensors
from gradients import read_cases

SEED = 20251
WIDTH, RANK, ALPHA = 48, 3, 6
CASE = "labelled"
START = {"q": 0, "k": WIDTH, "v": 2 * WIDTH}
MODULES = [f"transformer.h.{layer}.attn.c_attn" for layer in range(2)]
FILES = {
    "gradients/sites.safetensors": "one site of c_attn adapted at a time, in both layers (rank 3, alpha 6, scaling 2; "
    "q is rows 0:48, k 48:96, v 96:144): `A.SITE.MODULE` (3, 48), `B.SITE.MODULE` (48, 3), `grad.A.…`, `grad.B.…`, "
    "`logits.SITE`; `grad.A.qkv.SITE.MODULE`, `grad.B.qkv.SITE.MODULE`, `logits.qkv` are for all three sites at once, "
    "with the same A and B",
    "gradients/sites.json": "rank, alpha, scaling, rows and the loss by site, on the case labelled of gradients/input.json",
}


class Site(torch.nn.Module):
    """scaling * B A x, to be added to `WIDTH` outputs from `start`."""

    def __init__(self, name: str, source: torch.Generator):
        super().__init__()
        self.name, self.start = name, START[name]
        self.A = torch.nn.Parameter(normal(source, RANK, WIDTH, std=0.2))
        self.B = torch.nn.Parameter(normal(source, WIDTH, RANK, std=0.2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        update = (ALPHA / RANK) * (x @ self.A.T @ self.B.T)
        return torch.nn.functional.pad(update, (self.start, 2 * WIDTH - self.start))


class AdaptedProjection(torch.nn.Module):
    def __init__(self, base: torch.nn.Module, sites: list[Site]):
        super().__init__()
        self.base, self.sites = base, torch.nn.ModuleList(sites)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + sum(site(x) for site in self.sites)


def make(root: Path) -> None:
    case = read_cases(root)[CASE]
    tensors, losses = {}, {}
    for group in ["q", "k", "v", "qkv"]:
        model = adapted(root, group)
        result = run_case(model, case)
        result.loss.backward()
        losses[group] = result.loss.item()
        tensors[f"logits.{group}"] = result.logits
        tensors |= collect(model, group)
    write_tensors(root / "gradients/sites.safetensors", tensors)
    rows = {name: [start, start + WIDTH] for name, start in START.items()}
    facts = {"case": CASE, "rank": RANK, "alpha": ALPHA, "scaling": ALPHA / RANK, "rows": rows}
    write_json(root / "gradients/sites.json", {**facts, "loss": losses})


def adapted(root: Path, group: str) -> GPT2LMHeadModel:
    model = load_tiny(root).requires_grad_(False)
    for layer, module in enumerate(MODULES):
        sites = [Site(name, generator(SEED + 10 * layer + "qkv".index(name))) for name in group]
        attention = model.get_submodule(module.removesuffix(".c_attn"))
        attention.c_attn = AdaptedProjection(attention.c_attn, sites)
    return model


def collect(model: GPT2LMHeadModel, group: str) -> dict[str, torch.Tensor]:
    """`grad.A.q.MODULE` for a site alone, `grad.A.qkv.q.MODULE` where three act together."""
    tensors = {}
    for module in MODULES:
        for site in model.get_submodule(module).sites:
            name = f"{site.name}.{module}"
            if group == site.name:
                tensors |= {f"A.{name}": site.A, f"B.{name}": site.B}
            place = name if group == site.name else f"{group}.{name}"
            tensors |= {f"grad.A.{place}": site.A.grad, f"grad.B.{place}": site.B.grad}
    return tensors
