/** `lowrank count`. @module */

import type { Command } from "./commander.ts";
import { DryDevice } from "../device/dry.ts";
import { Gpt2, parseGpt2Config, readConfig } from "../models/mod.ts";
import { applyMethod } from "../runs/mod.ts";
import { modelPath } from "./arguments.ts";
import { type CommonOptions, print } from "./common.ts";
import { addMethodOptions, methodOf, type MethodOptions } from "./method.ts";
import { table } from "./table.ts";

interface CountOptions extends CommonOptions, MethodOptions {
  readonly model: string;
}

interface ModuleCount {
  readonly name: string;
  readonly parameters: number;
  readonly trainable: number;
}

/** Counts a model's parameters and those that a method trains. */
export function addCount(program: Command): void {
  const command = program.command("count").description(
    "count parameters, and those that a method trains",
  )
    .requiredOption("--model <path>", "Hugging Face folder or config.json", modelPath);
  addMethodOptions(command).action(run);
}

async function run(options: CountOptions): Promise<void> {
  using device = new DryDevice();
  using model = Gpt2.allocate(device, parseGpt2Config(await readConfig(options.model)));
  using _adapter = applyMethod(model, methodOf(options), options.seed);
  const byModule = countModules(model);
  const sum = (key: "parameters" | "trainable") =>
    byModule.reduce((total, module) => total + module[key], 0);
  const total = sum("parameters"), trainable = sum("trainable");
  const percent = 100 * trainable / total;
  print(options, { total, trainable, percent, byModule }, () =>
    [
      table(byModule, [
        ["module", ({ name }) => name],
        ["parameters", ({ parameters }) => parameters],
        ["trainable", ({ trainable }) => trainable],
      ]),
      "",
      `trainable params: ${trainable.toLocaleString("en-US")} || all params: ${
        total.toLocaleString("en-US")
      } || trainable%: ${percent.toFixed(4)}`,
    ].join("\n"));
}

/** Parameters by module: a name without its `.weight`, `.bias` or `.lora_A.weight`. */
function countModules(model: Gpt2): ModuleCount[] {
  const adapters = model.linears.flatMap(({ name, adapted }) =>
    adapted.flatMap(({ A, B }) => [[name, A], [name, B]] as const)
  );
  const own = [...model.parameters.values()].map((parameter) =>
    [parameter.name.replace(/\.(weight|bias)$/, ""), parameter] as const
  );
  const counts = new Map<string, ModuleCount>();
  for (const [name, { size, trainable }] of [...own, ...adapters]) {
    const before = counts.get(name) ?? { name, parameters: 0, trainable: 0 };
    counts.set(name, {
      name,
      parameters: before.parameters + size,
      trainable: before.trainable + (trainable ? size : 0),
    });
  }
  return [...counts.values()];
}
