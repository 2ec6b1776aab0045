/** `lowrank memory`. @module */

import { type Command, Option } from "./commander.ts";
import type { LoraSelection } from "../accounting/mod.ts";
import { type LedgerReading, type Role, roles } from "../device/mod.ts";
import { formatBytes } from "../figures/format.ts";
import { type Gpt2Config, parseGpt2Config } from "../models/mod.ts";
import { applyMethod, type MethodSpec, predictMemory } from "../runs/mod.ts";
import { modelPath, positiveNumber } from "./arguments.ts";
import { type CommonOptions, print } from "./common.ts";
import { configOf } from "./counted_model.ts";
import { addMethodOptions, methodOf, type MethodOptions } from "./method.ts";
import { table } from "./table.ts";

interface MemoryOptions extends CommonOptions, MethodOptions {
  readonly model: string;
  readonly batch: number;
  readonly length: number;
}

const help = `
The step is run on a device that only counts. JSON: {"byRole", "live", "peak",
"byFormula"} in bytes, where byRole adds up to the peak and live is what stays
between steps. byFormula is the peak by closed formulas; null where blocks are
not adapted alike, for which there are none.`;

/** Predicts the bytes of a training step by running it on the dry device. */
export function addMemory(program: Command): void {
  const command = program.command("memory").description(
    "predict the bytes of training, role by role",
  )
    .requiredOption(
      "--model <path>",
      "name of a GPT-2 or GPT-3, Hugging Face folder or config.json",
      modelPath,
    )
    .option("--batch <n>", "sequences of a step", positiveNumber, 8)
    .option("--length <n>", "tokens of a sequence", positiveNumber, 64)
    .addOption(new Option("--optimizer <name>", "optimizer").choices(["adamw"]).default("adamw"))
    .addOption(new Option("--dtype <type>", "storage of weights").choices(["f32"]).default("f32"));
  addMethodOptions(command).addHelpText("after", help).action(run);
}

async function run(options: MemoryOptions): Promise<void> {
  const config = await gpt2Config(options.model), method = methodOf(options);
  const reading = predictMemory(config, {
    batch: options.batch,
    length: options.length,
    adapt: (model) => void applyMethod(model, method, options.seed),
  });
  const byFormula = await formulaBytes(config, options, method);
  const { live, peak, peakByRole } = reading;
  print(
    options,
    { byRole: peakByRole, live, peak, byFormula: byFormula ?? null },
    () => describe(reading, byFormula),
  );
}

async function gpt2Config(model: string): Promise<Gpt2Config> {
  const json = await configOf(model);
  if (json?.model_type === "gpt2") return parseGpt2Config(json);
  throw new RangeError(
    `predicting memory needs a configuration of model_type gpt2, found ${json?.model_type}`,
  );
}

type Bytes = Partial<Readonly<Record<Role, number>>>;

async function formulaBytes(
  config: Gpt2Config,
  { batch, length }: MemoryOptions,
  method: MethodSpec,
): Promise<Bytes | undefined> {
  const { gpt2StepBytes } = await import("../accounting/mod.ts");
  const { rank, sites, targetModules } = method.kind === "lora" ? method : {};
  const lora = rank === undefined
    ? undefined
    : { rank, sites, targetModules: targetModules as LoraSelection["targetModules"] };
  return gpt2StepBytes({ ...config, model_type: "gpt2" }, { batch, length, lora });
}

function describe({ live, peak, byRole, peakByRole }: LedgerReading, byFormula?: Bytes): string {
  const rows = [
    ...roles.filter((role) => peakByRole[role] > 0)
      .map((role) => ({
        name: role,
        live: byRole[role],
        peak: peakByRole[role],
        formula: byFormula?.[role] ?? "–",
      })),
    { name: "all", live, peak, formula: byFormula ? sumOf(byFormula) : "–" },
  ];
  return table(rows, [
    ["role", ({ name }) => name],
    ["between steps", ({ live }) => live],
    ["", ({ live }) => formatBytes(live)],
    ["at the peak", ({ peak }) => peak],
    ["", ({ peak }) => formatBytes(peak)],
    ["by formula", ({ formula }) => formula],
  ]);
}

const sumOf = (bytes: Bytes): number => Object.values(bytes).reduce((sum, some) => sum + some, 0);
