"""Makes every golden file: `python scripts/golden/make.py [--output DIR] [--only PART …] [--check | --new]`."""

import argparse
import filecmp
import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers

from common import write_json

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parents[1] / "tests" / "golden"
PARTS = ["base_models", "logits", "adapters", "gradients", "sites", "ops", "trajectories", "generation", "counts", "step_memory", "linalg", "analysis", "classifier", "token_texts", "dropout", "families", "decoder_ops", "variants", "state_dicts", "running", "deberta", "peft_cases", "prefixes", "bottlenecks", "method_steps", "lora_ga", "quantized", "combinations", "gguf_files"]
PACKAGES = ["torch", "transformers", "tokenizers", "peft", "safetensors", "numpy", "mpmath", "gguf"]


def main() -> int:
    options = read_options()
    settle()
    if options.new:
        add_new(options.output, options.only)
        return 0
    if not options.check:
        make(options.output, options.only)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), PARTS)
        return report(differing_files(Path(folder), options.output))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Makes the golden files of tests/golden.")
    parser.add_argument("--output", type=Path, default=GOLDEN)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--check", action="store_true", help="make them elsewhere and compare bytes")
    way.add_argument("--new", action="store_true", help="add files that are not there, and leave the others")
    return parser.parse_args()


def settle() -> None:
    """One thread and deterministic algorithms: sums are taken in one order, so bytes repeat."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def make(root: Path, parts: list[str]) -> None:
    for name in parts:
        print(f"{name} …", file=sys.stderr)
        torch.manual_seed(0)
        importlib.import_module(name).make(root)
    write_json(root / "manifest.json", manifest())


def add_new(golden: Path, parts: list[str]) -> None:
    """Adds the files that are not there: on another processor or with other versions the rest would differ in last bits."""
    before = json.loads((golden / "manifest.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "golden"
        shutil.copytree(golden, copy)
        make(copy, parts)
        after = json.loads((copy / "manifest.json").read_text())
        added = sorted(str(path) for path in files_in(copy) - files_in(golden))
        for path in added:
            (golden / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(copy / path, golden / path)
            print(f"added: {path}")
    later = before.get("later", [])
    if added and after["versions"] != before["versions"]:
        later = [*later, {"versions": after["versions"], "files": added}]
    write_json(golden / "manifest.json", after | {"versions": before["versions"]} | ({"later": later} if later else {}))


def manifest() -> dict:
    modules = [importlib.import_module(name) for name in PARTS]
    return {
        "madeBy": "scripts/golden/make.py",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "arithmetic": "float32 on the CPU, one thread, attention written out (`eager`)",
        "files": {path: text for module in modules for path, text in module.FILES.items()},
        "notes": {key: text for module in modules for key, text in getattr(module, "NOTES", {}).items()},
    }


def differing_files(one: Path, other: Path) -> list[str]:
    paths = files_in(one) | files_in(other)
    return sorted(str(p) for p in paths if not same_bytes(one / p, other / p))


def files_in(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def same_bytes(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def report(differing: list[str]) -> int:
    for path in differing:
        print(f"differs: {path}")
    print("every byte is the same" if not differing else f"{len(differing)} files differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
