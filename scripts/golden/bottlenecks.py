"""Bottlenecks by the `adapters` library, in an environment of their own: it takes older versions of transformers."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent / "adapterhub"
FILES = {
    "adapterhub/CASE/": "adapters saved by the `adapters` library (adapter_config.json, adapter.safetensors) on the "
    "models of families/ and gpt2_tiny, far from their start: H, P, D (leave_out) and L (ln_before)",
    "adapterhub/CASE.safetensors": "`logits` of the case with the adapter, and `final.NAME` of what is trained, after 10 steps",
    "adapterhub/cases.json": "versions; per case the base, the inputs and labels, the losses of 10 steps on them, and how "
    "many values are trained",
}
NOTES = {
    "bottlenecks": "float64 on the CPU; AdamW, learning rate 5e-3, betas 0.9 and 0.999, epsilon 1e-8, decay 0.01 of all "
    "values, no clipping; roberta_head trains the classifier too and has it in model_head.safetensors. Not DeBERTa 1: "
    "adapters 1.3.0 changes its logits by 0.06 without any adapter",
}


def make(root: Path) -> None:
    subprocess.run([python(), HERE / "make.py", root], check=True)


def python() -> Path:
    environment = Path(os.environ.get("GOLDEN_ADAPTERHUB_VENV", HERE / ".venv"))
    command = environment / "bin" / "python"
    if not command.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([command, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
    return command
