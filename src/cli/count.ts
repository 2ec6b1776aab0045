/** `lowrank count`. @module */

import type { ModuleCount } from "../accounting/mod.ts";
import type { Architecture } from "../architectures/mod.ts";
import { listNames } from "../core/module_names.ts";
import { grouped } from "../core/numbers.ts";
import { formatBytes } from "../figures/format.ts";
import type { MethodSpec } from "../runs/mod.ts";
import { modelPath, positiveNumber } from "./arguments.ts";
import type { Command } from "./commander.ts";
import { type CommonOptions, note, print } from "./common.ts";
import { countedModel, oneModel } from "./counted_model.ts";
import { addMethodOptions, methodOf, type MethodOptions } from "./method.ts";
import { table } from "./table.ts";

interface CountOptions extends CommonOptions, MethodOptions {
  readonly model?: string;
  readonly url?: string;
  readonly labels?: number;
}

/** Imported only by this command's action, as it loads mathjs. */
type Accounting = typeof import("../accounting/mod.ts");

const help = `
A model is given by its name (gpt2 … gpt2-xl, gpt3-small … gpt3-175b, t5-base,
…), by its name on the Hugging Face hub (hf:OWNER/NAME), or by the path of a
folder, a config.json, or a safetensors file or index.
Only the headers of safetensors files are read.

JSON: {"total", "trainable", "percent", "byModule"}, and "caveat" where all
linear layers are adapted and only their names say which they are.`;

/** Adds `count`, which counts a model's parameters and those that a method trains. */
export function addCount(program: Command): void {
  const command = program.command("count").description(
    "count a model's parameters and those that a method trains",
  )
    .argument("[model]", "name, folder, config.json, safetensors or GGUF file", modelPath)
    .option("--model <path>", "the model, instead of the argument", modelPath)
    .option("--url <url>", "safetensors file, index or folder; only headers are downloaded")
    .option("--labels <n>", "count with a classifier head of n labels", positiveNumber);
  addMethodOptions(command).addHelpText("after", help).action(run);
}

async function run(argument: string | undefined, options: CountOptions): Promise<void> {
  const model = oneModel("count", [argument, options.model], options.url);
  const method = methodOf(options), lora = method.kind === "lora" ? method : undefined;
  const { architecture, note: read, caveat } = await countedModel({ ...options, model });
  if (read) note(options, read);
  const accounting = await import("../accounting/mod.ts");
  const byModule = accounting.countModules(architecture, method);
  const total = sumOf(byModule, "parameters"), trainable = sumOf(byModule, "trainable");
  if (total === 0) throw new RangeError("counting needs a model with parameters, found none");
  const percent = 100 * trainable / total;
  const lines = [
    moduleTable(byModule),
    "",
    `trainable params: ${grouped(trainable)} || all params: ${grouped(total)} || trainable%: ${
      percent.toFixed(4)
    }`,
    ...(lora ? [ofBase(trainable, total - trainable)] : []),
    fileSizes(accounting, trainable, total),
    ...(lora ? [] : defaultPerRank(accounting, architecture)),
  ];
  const doubt = caveat !== undefined && takesAll(method) ? { caveat } : {};
  const document = { total, trainable, percent, byModule, ...doubt };
  print(options, document, () => [...lines, ...Object.values(doubt)].join("\n"));
}

/** The share that training announces, which is of the base alone. */
const ofBase = (trainable: number, base: number): string =>
  "all params, as in PEFT, are the adapter's and the model's: of the model's own " +
  `${grouped(base)} it trains ${(100 * trainable / base).toPrecision(3)}%`;

/** Whether a method adapts every linear layer that there is. */
const takesAll = (method: MethodSpec): boolean =>
  method.kind === "lora" && (method.targetModules === "all-linear" || method.sites === "all");

const sumOf = <Key extends string>(rows: readonly Record<Key, number>[], key: Key): number =>
  rows.reduce((sum, row) => sum + row[key], 0);

/** One row for all modules that differ only in the layer's number. */
function moduleTable(modules: readonly ModuleCount[]): string {
  const groups = Map.groupBy(
    modules,
    ({ name, parameters, trainable }) =>
      `${name.replace(/\.\d+\./, ".#.")} ${parameters} ${trainable}`,
  );
  const rows = Array.from(groups.values(), (group) => ({ ...group[0], group }));
  return table(rows, [
    ["module", ({ group }) => listNames(group.map(({ name }) => name))],
    ["modules", ({ group }) => group.length],
    ["parameters of each", ({ parameters }) => parameters],
    ["trainable", ({ trainable }) => trainable],
  ]);
}

/** File sizes of what is trained, and of the whole model, at two and at four bytes per value. */
function fileSizes({ evaluateFormula }: Accounting, trainable: number, total: number): string {
  const [trained, all] = [trainable, total].map((P) =>
    [2, 4].map((beta) => formatBytes(Number(evaluateFormula("checkpointBytes", { P, beta }))))
  );
  return `trained values on disk: ${trained[0]} in F16 or BF16, ${trained[1]} in F32; ` +
    `all values: ${all.join(" and ")}`;
}

/** What LoRA trains per rank, on the modules that PEFT adapts by default. */
function defaultPerRank({ loraCounts }: Accounting, model: Architecture): string[] {
  const targetModules = model.peftTargets;
  if (targetModules.length === 0) return [];
  const each = sumOf(loraCounts(model, 1, { targetModules }), "parameters");
  return [
    `LoRA on ${targetModules.join(", ")} (PEFT's default): ${grouped(each)} parameters per rank`,
  ];
}
