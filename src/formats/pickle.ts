/** Files of PyTorch, which are pickles: reading one can run code, so that none is read. @module */

import { shellWord } from "../core/quote.ts";
import { terminalJson } from "../core/terminal_text.ts";

/** The command that makes a safetensors file of one in its folder; PyTorch reads it without running code. */
export function pickleConversion(from: string, to: string): string {
  // A JSON text is also one of Python.
  const [pickle, made] = [from, to].map(terminalJson);
  const tensors = `torch.load(${pickle}, map_location="cpu", weights_only=True)`;
  const code = "import torch, safetensors.torch as s; " +
    `s.save_file({k: v.clone().contiguous() for k, v in ${tensors}.items()}, ${made}, {"format": "pt"})`;
  return `python -c ${shellWord(code)}`;
}
