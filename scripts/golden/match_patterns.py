"""How Python's `re` and PEFT read patterns: the judge of our own matching.

    python scripts/golden/match_patterns.py CASES.json

CASES.json has `patterns`, each with a `pattern` and `names`, and `configs`, each the fields of a LoraConfig, with `modules`,
the paths of the linear layers of one model. Prints a JSON object: for each pattern, whether it matches each name, or an error
as text; for each config, the rank and alpha of each module that PEFT adapts by its path, or an error as text.
"""

import json
import re
import sys
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer


def main() -> None:
    warnings.simplefilter("ignore")
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    matches = [attempt(match, case) for case in cases["patterns"]]
    adapted = [attempt(adapt, config, cases["modules"]) for config in cases["configs"]]
    print(json.dumps({"patterns": matches, "configs": adapted}))


def attempt(read, *arguments):
    try:
        return read(*arguments)
    except (re.error, TypeError, ValueError, OverflowError) as error:
        return f"{type(error).__name__}: {error}"


def match(case: dict) -> list[bool]:
    return [re.fullmatch(case["pattern"], name) is not None for name in case["names"]]


def adapt(config: dict, modules: list[str]) -> dict[str, list[float]]:
    model = torch.nn.Module()
    for path in modules:
        add(model, path.split("."))
    adapted = inject_adapter_in_model(LoraConfig(**config), model)
    layers = [(name, layer) for name, layer in adapted.named_modules() if isinstance(layer, LoraLayer)]
    return {name: [layer.r["default"], layer.lora_alpha["default"]] for name, layer in layers}


def add(parent: torch.nn.Module, path: list[str]) -> None:
    name, *rest = path
    if not hasattr(parent, name):
        parent.add_module(name, torch.nn.Module() if rest else torch.nn.Linear(1, 1, device="meta"))
    if rest:
        add(getattr(parent, name), rest)


if __name__ == "__main__":
    main()
