/** `lowrank count`. @module */

import { type Architecture, countParameters } from "../architectures/mod.ts";
import { listNames } from "../core/module_names.ts";
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

interface ModuleCount {
  readonly name: string;
  readonly parameters: number;
  readonly trainable: number;
}

const help = `
A model is given by its name (gpt2 … gpt2-xl, gpt3-small … gpt3-175b, t5-base,
…) or by the path of a folder, a config.json, or a safetensors file or index.
Only the headers of safetensors files are read.

JSON: {"total", "trainable", "percent", "byModule"}.`;

/** Adds `count`, which counts a model's parameters and those that a method trains. */
export function addCount(program: Command): void {
  const command = program.command("count").description(
    "count a model's parameters and those that a method trains",
  )
    .argument("[model]", "name, folder, config.json or safetensors file", modelPath)
    .option("--model <path>", "another way to give the model", modelPath)
    .option("--url <url>", "safetensors file, index or folder; only headers are downloaded")
    .option("--labels <n>", "count with a classifier head of n labels", positiveNumber);
  addMethodOptions(command).addHelpText("after", help).action(run);
}

async function run(argument: string | undefined, options: CountOptions): Promise<void> {
  const model = oneModel("count", [argument, options.model], options.url);
  const method = methodOf(options);
  const { architecture, note: read } = await countedModel({ ...options, model });
  if (read) note(options, read);
  const byModule = await countModules(architecture, method);
  const sum = (key: "parameters" | "trainable") =>
    byModule.reduce((total, module) => total + module[key], 0);
  const total = sum("parameters"), trainable = sum("trainable");
  if (total === 0) throw new RangeError("counting needs a model with parameters, found none");
  const percent = 100 * trainable / total;
  const perRank = method.kind === "full" ? await defaultPerRank(architecture) : [];
  const files = await fileSizes(trainable, total);
  print(options, { total, trainable, percent, byModule }, () =>
    [
      moduleTable(byModule),
      "",
      `trainable params: ${format(trainable)} || all params: ${format(total)} || trainable%: ${
        percent.toFixed(4)
      }`,
      files,
      ...perRank,
    ].join("\n"));
}

const format = (count: number): string => count.toLocaleString("en-US");

/** Parameters by module. */
async function countModules(model: Architecture, method: MethodSpec): Promise<ModuleCount[]> {
  const { classifierParameters, loraCounts } = await import("../accounting/mod.ts");
  const isLora = method.kind === "lora", counts = new Map<string, ModuleCount>();
  const add = (name: string, more: number, trained: number) => {
    const { parameters, trainable } = counts.get(name) ?? { parameters: 0, trainable: 0 };
    counts.set(name, { name, parameters: parameters + more, trainable: trainable + trained });
  };
  for (const layer of model.layers) {
    const size = countParameters(layer.tensors);
    add(layer.name, size, isLora ? 0 : size);
    // As PEFT does: the classifier stays frozen and a copy of it is trained.
    const copy = isLora ? classifierParameters({ ...model, layers: [layer] }) : 0;
    if (copy > 0) add(layer.name, copy, copy);
  }
  const adapted = method.kind === "lora" ? loraCounts(model, method.rank, method) : [];
  for (const { name, parameters } of adapted) add(name, parameters, parameters);
  return [...counts.values()];
}

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
async function fileSizes(trainable: number, total: number): Promise<string> {
  const { evaluateFormula } = await import("../accounting/mod.ts");
  const size = (P: number, beta: number) =>
    formatBytes(Number(evaluateFormula("checkpointBytes", { P, beta })));
  return `trained values on disk: ${size(trainable, 2)} in F16 or BF16, ${
    size(trainable, 4)
  } in F32; ` +
    `all values: ${size(total, 2)} and ${size(total, 4)}`;
}

/** What LoRA trains per rank, on the modules that PEFT adapts by default. */
async function defaultPerRank(model: Architecture): Promise<string[]> {
  const { loraCounts } = await import("../accounting/mod.ts");
  const targetModules = model.peftTargets;
  if (targetModules.length === 0) return [];
  const each = loraCounts(model, 1, { targetModules })
    .reduce((sum, { parameters }) => sum + parameters, 0);
  return [
    `LoRA on ${targetModules.join(", ")} (PEFT's default): ${format(each)} parameters per rank`,
  ];
}
