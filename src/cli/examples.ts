/** An example of each command, which its help ends with. @module */

const model = "models/tiny-gpt2", adapter = "models/rank-study/qv-r8-seed1";

/** The examples of commands whose help has no text of their own that shows some. */
export const examples: Readonly<Record<string, string>> = {
  devices: "devices",
  count: "count gpt2 --rank 4",
  memory: "memory gpt2 --rank 4 --batch 8 --length 512",
  paper: "paper table5",
  sweep: "sweep examples/sweep.json --output out/sweep",
  logits: "logits --model base --input in.json --output out.safetensors",
  gradients: "gradients --model base --input in.json --case a --output g.safetensors",
  merge: `merge --model ${model} --adapter out --output merged`,
  inspect: `inspect ${adapter} --base ${model}`,
  compare: `compare ${adapter} models/rank-study/qv-r8-seed2`,
  resize: `resize ${adapter} --rank 4 --output smaller`,
  combine: `combine ${adapter}:0.5 other:0.5 --output mean`,
  extract: `extract ${model} tuned --rank 8 --output adapter`,
  convert: `convert ${adapter} --to kohya --output kohya`,
  quantize: `quantize ${model} quantized`,
  pull: "pull hf:openai-community/gpt2",
};
