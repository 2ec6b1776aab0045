/** Files of PyTorch, which are pickles: reading one can run code, so that none is read. @module */

/** The command that makes a safetensors file of one in its folder; PyTorch reads it without running code. */
export function pickleConversion(from: string, to: string): string {
  const tensors = `torch.load("${from}", map_location="cpu", weights_only=True)`;
  return "python -c 'import torch, safetensors.torch as s; " +
    `s.save_file({k: v.clone().contiguous() for k, v in ${tensors}.items()}, "${to}", {"format": "pt"})'`;
}
