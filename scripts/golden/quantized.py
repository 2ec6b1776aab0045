"""Weights in 4 bits by bitsandbytes, in a process of its own, which takes its portable path."""

import ctypes
import subprocess
import sys
from pathlib import Path

import torch

from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from common import generator, normal, tokens, write_tensors

SEED = 20267
BLOCKS = [32, 64, 128, 256, 512]
LARGE_BLOCKS = [1024, 2048, 4096]
FILES = {
    "quantized/values.safetensors": "F32: `small` (13, 101) and `large` (67, 131) are normal, / 50; `special` (17, 23) has blocks of 64: "
    "zeros, one value, 1e-40 and less, the middles of NF4 and of FP4 with both neighbors of each, near 3e38; the rest, a short block, is "
    "zeros; and `dequantized.CASE` of those of small and special and of large.nf4.32.double",
    "quantized/states.safetensors": "the state dict of each case as bitsandbytes 0.50.2 saves it, CASE = TENSOR.CODE.BLOCK with .double "
    "where scales are in 8 bits, .bf16 where the values were rounded to BF16, and .stored where the bytes are stored as BF16; "
    "`layer.`: that of a Linear4bit of `small`, with a bias",
    "quantized/gpt2_nf4/": "gpt2_tiny by transformers' load_in_4bit: NF4, scales in 8 bits, the weights of Conv1D layers as (out, in)",
    "quantized/llama_fp4/": "families/llama in the same way: FP4, scales in F32",
    "quantized/logits.safetensors": "`input_ids.MODEL`, and `logits.MODEL` of these folders as transformers loads them, by the portable path",
}
MODELS = {
    "gpt2_nf4": ("gpt2_tiny", {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}),
    "llama_fp4": ("families/llama", {"bnb_4bit_quant_type": "fp4", "bnb_4bit_use_double_quant": False}),
}
NOTES = {
    "quantized": "made without bitsandbytes' native library: its CPU kernels dequantize many shapes wrongly. The portable path multiplies a "
    "whole block by the reciprocal of its largest magnitude and divides a short last one",
}


def make(root: Path) -> None:
    # PEFT loads bitsandbytes with its native library, so this process may have it already.
    subprocess.run([sys.executable, __file__, root], check=True)


def portable():
    """bitsandbytes without its native library: what is computed is PyTorch's, not compiled."""
    import logging

    logging.disable(logging.ERROR)

    def refuse(*_):
        raise OSError("hidden")

    load, ctypes.cdll.LoadLibrary = ctypes.cdll.LoadLibrary, refuse
    try:
        import bitsandbytes
    finally:
        ctypes.cdll.LoadLibrary = load
    from bitsandbytes.cextension import ErrorHandlerMockBNBNativeLibrary, lib

    assert isinstance(lib, ErrorHandlerMockBNBNativeLibrary), "the native library was loaded"
    torch._dynamo.config.disable = True
    return bitsandbytes


def main(root: Path) -> None:
    torch.set_num_threads(1)
    bnb = portable()
    source = generator(SEED)
    small, large = normal(source, 13, 101) / 50, normal(source, 67, 131) / 50
    tensors = {"small": small, "large": large, "special": special(bnb, source)}
    states, values = {}, dict(tensors)
    for case, tensor, options in cases(tensors):
        quantized, state = bnb.functional.quantize_4bit(tensor, **options)
        states[case] = quantized
        states |= {f"{case}.{key}": part for key, part in state.as_dict(packed=True).items()}
        if "large" not in case or case == "large.nf4.32.double":
            values[f"dequantized.{case}"] = bnb.functional.dequantize_4bit(quantized, state)
    states |= layer(bnb, small)
    write_tensors(root / "quantized" / "values.safetensors", values)
    write_tensors(root / "quantized" / "states.safetensors", states)
    write_tensors(root / "quantized" / "logits.safetensors", logits_of_models(root, source))


@torch.no_grad()
def logits_of_models(root: Path, source: torch.Generator) -> dict:
    made = {}
    for name, (base, options) in MODELS.items():
        folder = root / "quantized" / name
        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32, **options)
        load(root / base, quantization_config=config).save_pretrained(folder)
        ids = made[f"input_ids.{name}"] = torch.tensor(tokens(source, 2, 7, 37), dtype=torch.int32)
        made[f"logits.{name}"] = load(folder)(ids.long(), use_cache=False).logits
    return made


def load(folder: Path, **options) -> torch.nn.Module:
    options |= {"dtype": torch.float32, "attn_implementation": "eager", "device_map": "cpu"}
    return AutoModelForCausalLM.from_pretrained(folder, **options).eval()


def cases(tensors: dict):
    """Names, tensors and options of `quantize_4bit`."""
    for code in ["nf4", "fp4"]:
        for name, blocks in [("small", BLOCKS), ("large", [32, *LARGE_BLOCKS]), ("special", [64])]:
            for block in blocks:
                options = {"quant_type": code, "blocksize": block}
                if block == 64:
                    yield f"{name}.{code}.{block}", tensors[name], options
                yield f"{name}.{code}.{block}.double", tensors[name], options | {"compress_statistics": True}
    options = {"quant_type": "nf4", "blocksize": 64, "compress_statistics": True}
    yield "small.nf4.64.double.bf16", tensors["small"].bfloat16(), options
    yield "special.nf4.64.double.stored", tensors["special"], options | {"quant_storage": torch.bfloat16}


def special(bnb, source: torch.Generator) -> torch.Tensor:
    blocks = [torch.zeros(64), torch.full((64,), -0.3), normal(source, 64) * 1e-40]
    for code in ["nf4", "fp4"]:
        values = bnb.functional.get_4bit_type(code, device="cpu").sort().values
        middles = (values[:-1] + values[1:]) / 2
        above, below = (torch.nextafter(middles, torch.full_like(middles, end)) for end in (2.0, -2.0))
        blocks.append(torch.nn.functional.pad(torch.cat([torch.ones(1), middles, above, below]), (0, 18)))
    blocks.append(normal(source, 64).clamp(-1, 1) * 3e38)
    return torch.cat([*blocks, torch.zeros(7)]).reshape(17, 23)


def layer(bnb, weight: torch.Tensor) -> dict:
    outputs, inputs = weight.shape
    linear = bnb.nn.Linear4bit(inputs, outputs, quant_type="nf4", compute_dtype=torch.float32)
    linear.load_state_dict({"weight": weight, "bias": torch.arange(outputs) / 8})
    return {f"layer.{key}": part for key, part in linear.to("cpu").state_dict().items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
