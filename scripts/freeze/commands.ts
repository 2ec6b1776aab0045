/** The command line, called in this process in the current folder: what it prints and the files that it writes. @module */

import { commandLine, digest, entry } from "./places.ts";
import { hashesIn, makeGpt2, portable } from "./methods.ts";

/** Exit code, output and files of a command. */
export interface Called {
  readonly args: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly files: Record<string, string>;
}

const base = "bases/gpt2_tiny", adapters = "adapters/gpt2";

const kinds = [
  ...["lora", "bitfit", "top-layers", "vera", "bottleneck", "prefix-embedding", "prefix-layer"],
  ...["prefix-tuning", "lora+prefix-embedding", "lora+prefix-layer"],
];

const combining = [
  ...["exact", "cat", "svd", "linear", "ties", "ties_svd", "dare_linear", "dare_linear_svd"],
  ...["dare_ties", "dare_ties_svd", "magnitude_prune", "magnitude_prune_svd"],
];

const saved = [
  ...["lora", "lora_all", "rslora", "dora", "pissa", "olora", "bias_all", "bias_lora_only"],
  ...["bias_of_B", "rank_pattern", "embeddings", "modules_to_save", "trainable_tokens", "vera"],
  ...["bitfit", "top-layers", "bottleneck", "prefix-tuning", "prefix-layer", "lora+prefix-layer"],
];

const train = (output: string, ...more: string[]) => [
  ...["train", "--model", "small", "--data", "mine.jsonl", "--steps", "3", "--output", output],
  ...["--validation", "mine.jsonl", "--validate-every", "2", ...more],
];

const commandNames = [
  ...["devices", "count", "memory", "paper", "train", "sweep", "evaluate", "generate", "serve"],
  ...["logits", "gradients", "merge", "inspect", "compare", "resize", "combine", "extract"],
  ...["convert", "quantize", "pull"],
];

/** Every call, in order: later ones read what earlier ones wrote. */
function calls(): string[][] {
  const of = (name: string) => `${adapters}/${name}`, cases = ["--input", "cases.json"];
  return [
    ["--help"],
    ...commandNames.map((name) => [name, "--help"]),
    ...kinds.flatMap((kind) => {
      const [own, out] = [kind === "top-layers" ? ["--layers", "1"] : [], `t/${kind}`];
      const adapter = ["--adapter", out];
      return [
        train(out, "--method", kind, ...own, "--json"),
        train(`${out}_more`, ...adapter, "--json"),
        ["evaluate", "--model", "small", "--data", "mine.jsonl", ...adapter, "--json"],
        [
          "generate",
          "--model",
          "small",
          "--prompt",
          "the cat",
          "--max-new-tokens",
          "3",
          ...adapter,
        ],
        ["logits", "--model", "small", ...cases, ...adapter, "--output", `l/${kind}.safetensors`],
        [
          ...["gradients", "--model", "small", ...cases, "--case", "one", ...adapter],
          ...["--output", `g/${kind}.safetensors`],
        ],
        ["merge", "--model", "small", ...adapter, "--output", `m/${kind}`],
        ["count", "--model", "small", "--method", kind, ...own],
        ["memory", "--model", "small", "--method", kind, ...own, "--json"],
      ];
    }),
    train("t/full", "--method", "full", "--json"),
    train("t/nf4", "--base-dtype", "nf4", "--rank", "2", "--json"),
    train("t/bf16", "--rank", "2", "--dtype", "bf16", "--json"),
    train("t/plus", "--lora-plus-ratio", "4", "--sites", "all", "--json"),
    train("t/eight", "--optimizer", "adamw8bit", "--json"),
    train("t/checkpointing", "--activation-checkpointing", "--json"),
    ...["pissa", "olora"].map((init) => train(`t/${init}`, "--config", `${init}.json`, "--json")),
    train("t/dora", "--config", "dora.json", "--json"),
    train("t/options", "--config", "options.json", "--json"),
    ["sweep", "sweep.json", "--output", "t/sweep", "--json"],
    ...saved.flatMap((name) => [
      ["inspect", of(name)],
      ["inspect", of(name), "--base", base, "--intruders", "--json"],
      ["merge", "--model", base, "--adapter", of(name), "--output", `m/${name}`],
      ["resize", of(name), "--rank", "1", "--output", `r/${name}`],
      ["convert", of(name), "--output", `c/${name}`],
      ["combine", of(name), `${of(name)}:-0.5`, "--output", `k/${name}`],
      ...["kohya", "loralib"].map((
        to,
      ) => ["convert", of(name), "--base", base, "--to", to, "--output", `c/${name}_${to}`]),
      ["convert", `c/${name}_kohya`, "--base", base, "--output", `c/${name}_back`],
    ]),
    ["resize", of("lora_all"), "--energy", "0.5", "--output", "r/energy", "--json"],
    ["compare", of("lora_all"), of("rslora"), "--json"],
    ["compare", of("lora_all"), of("rslora"), of("lora_gaussian"), "--json"],
    ...combining.map((method) => [
      ...["combine", `${of("lora")}:0.7`, of("lora_gaussian"), "--method", method],
      ...["--output", `k/${method}`, "--seed", "3", "--json"],
      ...(/prune|ties|dare/.test(method) ? ["--density", "0.5"] : []),
    ]),
    ["extract", base, `m/lora_all`, "--rank", "2", "--output", "x/lora", "--json"],
    ["quantize", base, "q/nf4", "--json"],
    ["quantize", base, "q/fp4", "--code", "fp4", "--block-size", "32", "--no-double-quantization"],
    ...["float", "requantize"].map((way) => [
      ...["merge", "--model", "q/nf4", "--adapter", of("lora_all"), "--quantized", way],
      ...["--float-base", base, "--output", `m/q_${way}`],
    ]),
    ["merge", "--model", "q/nf4", "--adapter", of("lora_all"), "--output", "m/q"],
    ["logits", "--model", "q/nf4", ...cases, "--output", "l/q.safetensors"],
    [
      "merge",
      "--model",
      base,
      "--adapter",
      of("lora"),
      "--adapter",
      of("dora"),
      "--output",
      "m/two",
    ],
    ["merge", "--model", base, "--adapter", of("lora"), "--dtype", "bf16", "--output", "m/bf16"],
    ...["count", "memory"].flatMap((name) =>
      ["gpt2", "llama-2-7b", "gpt3-175b"].map((model) => [name, model, "--rank", "4", "--json"])
    ),
    ["paper", "--json"],
    ...wrong.map((args) => args.split(" ")),
  ];
}

/** Arguments that are refused; `@` stands for a space within an argument. */
const wrong: readonly string[] = [
  "trian",
  "help trian",
  "train",
  "train --model small",
  "train --model nowhere --data mine.jsonl --output w",
  "train --model small --data nothing.jsonl --output w",
  "train --model small --data mine.jsonl --output w --rank 0",
  "train --model small --data mine.jsonl --output w --rank x",
  "train --model small --data mine.jsonl --output w --rank 99",
  "train --model small --data mine.jsonl --output w --method bitfits",
  "train --model small --data mine.jsonl --output w --method bitfit --rank 4",
  "train --model small --data mine.jsonl --output w --method lora --size 4",
  "train --model small --data mine.jsonl --output w --method vera --prefix-length 4",
  "train --model small --data mine.jsonl --output w --method bottleneck --variant drop",
  "train --model small --data mine.jsonl --output w --method bottleneck --variant drop --leave-out 7",
  "train --model small --data mine.jsonl --output w --method prefix-tuning --prefix-length 90",
  "train --model small --data mine.jsonl --output w --method top-layers --layers 9",
  "train --model small --data mine.jsonl --output w --sites z",
  "train --model small --data mine.jsonl --output w --target-modules nothing",
  "train --model small --data mine.jsonl --output w --sites q --target-modules c_attn",
  "train --model small --data mine.jsonl --output w --learning-rate -1",
  "train --model small --data mine.jsonl --output w --steps 3 --epochs 2",
  "train --model small --data mine.jsonl --output w --dtype f8",
  "train --model small --data mine.jsonl --output w --method full --base-dtype nf4",
  "train --model small --data mine.jsonl --output w --adapter t/lora --rank 4",
  "train --model small --data mine.jsonl --output w --adapter nowhere",
  "train --model small --data mine.jsonl --output w --lora-plus-ratio 0",
  "train --model small --data mine.jsonl --output w --config wrong_method.json",
  "train --model small --data mine.jsonl --output w --config wrong_option.json",
  "train --model small --data mine.jsonl --output w --config wrong_training.json",
  "train --model small --data mine.jsonl --output t/lora",
  "train --model small --data mine.jsonl --output small",
  "train --model small --data mine.jsonl --output w --patience 0",
  "train --model small --data mine.jsonl --output w --validation 2",
  "train --model small --data mine.jsonl --batches cases.json --output w",
  "train --modl small --data mine.jsonl --output w",
  "sweep wrong_sweep.json --output w",
  "sweep nowhere.json --output w",
  "evaluate --model small",
  "evaluate --model small --data mine.jsonl --metrics blue",
  "evaluate --model small --data mine.jsonl --adapter adapters/gpt2/lora",
  "generate --model small",
  "generate --model small --prompt a --max-new-tokens 0",
  "generate --model small --prompt a --temperature -1",
  "generate --model small --prompt a --adapter small",
  "logits --model small --input mine.jsonl --output w",
  "gradients --model small --input cases.json --case two --output w",
  "merge --model small --output w",
  "merge --model small --adapter t/prefix-tuning --output w",
  "merge --model small --adapter t/lora --output w --dtype nf4",
  "merge --model small --adapter t/lora --output small",
  "inspect small",
  "inspect nowhere",
  "inspect adapters/gpt2/lora --error 2",
  "inspect adapters/gpt2/lora --base small",
  "compare adapters/gpt2/lora",
  "compare adapters/gpt2/lora t/lora",
  "resize adapters/gpt2/lora --output w",
  "resize adapters/gpt2/lora --rank 2 --energy 0.5 --output w",
  "resize adapters/gpt2/lora --energy 1.5 --output w",
  "combine adapters/gpt2/lora:x --output w",
  "combine adapters/gpt2/lora --method tie --output w",
  "combine adapters/gpt2/lora --method ties --density 2 --output w",
  "combine adapters/gpt2/lora adapters/gpt2/dora --output w",
  "extract bases/gpt2_tiny small --rank 2 --output w",
  "extract bases/gpt2_tiny bases/gpt2_tiny --rank 2 --output w",
  "convert adapters/gpt2/lora --to onnx --output w",
  "convert adapters/gpt2/vera --output w",
  "convert adapters/gpt2/dora --to kohya --output w",
  "convert nowhere --output w",
  "quantize small q/small --code int8",
  "quantize q/nf4 q/again",
  "count gpt5",
  "count gpt2 --rank -1",
  "count gpt2 --method prefix-tuning --prefix-length 5000",
  "memory gpt2 --optimizer lion",
  "memory gpt2 --length 99999",
  "paper table99",
  "pull gpt2",
  "serve --model nowhere",
];

/** Writes what the calls read into the current folder. */
export async function writeInputs(): Promise<void> {
  const { openDevice } = await entry("./device"), tokenizer = await entry("./tokenizer");
  const { initGpt2, parseGpt2Config, saveModel } = await entry("./models");
  const text = "the cat sat on the mat and the dog sat on the log ";
  await tokenizer.saveTokenizer("small", tokenizer.trainBytePairs([text], { vocabularySize: 270 }));
  using device = await openDevice({ kind: "cpu", threads: 1 });
  const config = { vocab_size: 270, n_positions: 32, n_embd: 16, n_layer: 2, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(config), { seed: 1 });
  await saveModel(model, "small");
  const rows = ["cat", "dog", "log"].map((name) => ({ prompt: `the ${name}`, completion: " sat" }));
  await Deno.writeTextFile("mine.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
  const ids = [[1, 4, 9, 10], [3, 3, 7, 2]];
  const lora = { name: "lora", rank: 2 };
  const sweep = { model: "small", data: "mine.jsonl", validation: "mine.jsonl", steps: 2 };
  const files: Record<string, unknown> = {
    cases: { cases: { one: { input_ids: ids, labels: ids } } },
    pissa: { method: { ...lora, init: "pissa" } },
    olora: { method: { ...lora, init: "olora" } },
    dora: { method: { ...lora, dora: true, targetModules: "all-linear" } },
    options: {
      ...{ steps: 4, learningRate: 1e-2, schedule: "cosine", warmupSteps: 1, weightDecay: 0.1 },
      ...{ clipNorm: 0.5 },
      method: { ...lora, rankStabilized: true, dropout: 0.1, bias: "all", modulesToSave: ["ln_f"] },
    },
    sweep: {
      ...sweep,
      methods: [{ method: "full" }, { method: "lora", rank: [1, 2] }, { method: "vera", rank: 4 }],
      ...{ "learning-rate": [0.001, 0.01], seed: [1, 2] },
    },
    wrong_sweep: { ...sweep, methods: [{ method: "lora", size: 3 }] },
    wrong_method: { method: { name: "lora", ranks: 2 } },
    wrong_option: { method: { name: "prefix-tuning", rank: 2 } },
    wrong_training: { learningRat: 1 },
  };
  for (const [name, value] of Object.entries(files)) {
    await Deno.writeTextFile(`${name}.json`, JSON.stringify(value));
  }
}

/** Calls all. */
export async function readCommands(): Promise<Record<string, Called>> {
  Object.defineProperty(navigator, "hardwareConcurrency", { value: 1, configurable: true });
  await makeGpt2();
  const main = await commandLine(), found: Record<string, Called> = {};
  for (const given of calls()) {
    const args = given.map((one) => one.replaceAll("@", " ")), before = new Set(topFolders());
    const { code, stdout, stderr } = await call(main, withDevice(args));
    const output = outputOf(args), files: Record<string, string> = {};
    if (output !== undefined && code === 0) Object.assign(files, await hashesIn(output));
    for (const name of topFolders()) {
      if (!before.has(name) && code !== 0) files[`left ${name}`] = "there";
    }
    const [out, err] = [shown(stdout), shown(stderr)];
    found[args.join(" ")] = {
      ...{ args: args.join(" "), code, files },
      stdout: args.includes("--help") || out.length < 600
        ? out
        : `${out.length} characters ${await digest(out)}`,
      stderr: code === 0 && err.length > 600 ? await digest(err) : err,
    };
  }
  return found;
}

const topFolders = () =>
  [...Deno.readDirSync(".")].map(({ name }) => name).filter((name) => name === "w");

function outputOf(args: readonly string[]): string | undefined {
  if (args[0] === "quantize") return args[2];
  const at = args.indexOf("--output");
  return at < 0 ? undefined : args[at + 1];
}

const onDevice = new Set([
  "train",
  "sweep",
  "evaluate",
  "generate",
  "logits",
  "gradients",
  "serve",
]);

const withDevice = (args: readonly string[]) =>
  onDevice.has(args[0]) && !args.includes("--help")
    ? [args[0], "--device", "cpu", ...args.slice(1)]
    : args;

async function call(main: (args: readonly string[]) => Promise<number>, args: readonly string[]) {
  const lines = { log: [] as string[], error: [] as string[] }, { log, error } = console;
  console.log = (text) => void lines.log.push(`${text}`);
  console.error = (text) => void lines.error.push(`${text}`);
  try {
    const code = await main(args);
    return { code, stdout: lines.log.join("\n"), stderr: lines.error.join("\n") };
  } catch (thrown) {
    return { code: -1, stdout: "", stderr: `thrown: ${thrown}` };
  } finally {
    Object.assign(console, { log, error });
  }
}

/** Without times, memory of the process, and progress, whose lines depend on the clock. */
const shown = (text: string): string =>
  portable("", text)
    .replaceAll(/\b\d+(\.\d+)? ?(ms|s|min|h)\b( \d+ ?(s|min)\b)?/g, "<time>")
    .replaceAll(/^step \d+ of \d+: .*\n?/gm, "")
    .replaceAll(/peak memory: .* in this process/g, "peak memory")
    .replaceAll(/\b[\d.,]+ (tokens|steps|texts) (a|per) second\b/g, "<speed>");

/** Differences, a line each: of help, options strictly, prose as a note. */
export function compareCommands(
  old: Record<string, Called>,
  now: Record<string, Called>,
): string[] {
  const lines: string[] = [];
  for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [one, other] = [old[name], now[name]], title = `lowrank ${name}`;
    if (!one || !other) {
      lines.push(`${title}: ${one ? "is not called" : "is called for the first time"}`);
      continue;
    }
    if (one.code !== other.code) {
      lines.push(`${title}: exit code was ${one.code}, is ${other.code}`);
    }
    if (name.includes("--help")) lines.push(...compareHelp(title, one.stdout, other.stdout));
    else if (one.stdout !== other.stdout) {
      lines.push(`${title}: prints ${firstDifference(one.stdout, other.stdout)}`);
    }
    if (one.stderr !== other.stderr) {
      lines.push(`${title}: says ${firstDifference(one.stderr, other.stderr)}`);
    }
    lines.push(...compareFiles(title, one.files, other.files));
  }
  return lines;
}

function compareHelp(title: string, one: string, other: string): string[] {
  const options = (text: string) =>
    text.split("\n").filter((line) => /^ {2}(--|-\w|[a-z.]+ {2})/.test(line)).map((line) =>
      line.trim().split(/ {2,}/)[0]
    )
      .sort();
  const [before, after] = [options(one), options(other)];
  const changed = [
    ...before.filter((line) => !after.includes(line)).map((line) => `${title}: without ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `${title}: new: ${line}`),
  ];
  if (changed.length > 0 || one === other) return changed;
  return [`note: ${title}: ${firstDifference(one, other)}`];
}

/** Files that differ. */
export function compareFiles(
  title: string,
  one: Record<string, string>,
  other: Record<string, string>,
): string[] {
  const lines: string[] = [];
  for (const path of new Set([...Object.keys(one), ...Object.keys(other)])) {
    if (one[path] === other[path]) continue;
    const what = one[path] === undefined
      ? "is new"
      : other[path] === undefined
      ? "is missing"
      : "has other bytes";
    lines.push(`${title}: ${path || "its file"} ${what}`);
  }
  return lines;
}

/** The first line that differs, before and after. */
export function firstDifference(one: string, other: string): string {
  const [before, after] = [one.split("\n"), other.split("\n")];
  const at = before.findIndex((line, i) => line !== after[i]), i = at < 0 ? before.length : at;
  return `line ${i + 1} "${after[i] ?? ""}", was "${before[i] ?? ""}"`;
}
