/** `lowrank memory`. @module */

import { optimizerNames } from "../accounting/optimizers.ts";
import { type BytesByRole, roles } from "../device/mod.ts";
import { formatBytes } from "../figures/format.ts";
import type { ConfigJson } from "../architectures/mod.ts";
import { completeConfig, runnableTypes } from "../models/mod.ts";
import { modelPath, positiveNumber } from "./arguments.ts";
import { type Command, Option } from "./commander.ts";
import { type CommonOptions, print } from "./common.ts";
import { configOf, oneModel } from "./counted_model.ts";
import { type Forecast, forecast, type ForecastOptions, precisions } from "./memory_forecast.ts";
import { addMethodOptions, methodOf, type MethodOptions } from "./method.ts";
import { table } from "./table.ts";

interface MemoryOptions extends CommonOptions, MethodOptions, ForecastOptions {
  readonly model?: string;
}

const help = `
The step is run, in F32 with AdamW, on a device that only counts. Another
optimizer or type is restated by closed formulas: mixed is two bytes a value
with an F32 copy of what is trained, nf4 holds linear layers in 4 bits
(nf4-double their scales in 8) and the rest in two bytes beside F32 adapters;
activations are then those of the F32 step at two bytes a value. A matrix that
is taken out of its 4 bits for a moment is left out.

JSON: {"byRole", "live", "peak", "byFormula"} in bytes, where byRole adds up to
the peak and live is what stays between steps. byFormula is the peak by closed
formulas alone; null where blocks are not adapted alike, for which there are
none.`;

/** Predicts the bytes of a training step by running it on the dry device. */
export function addMemory(program: Command): void {
  const command = program.command("memory").description(
    "predict the bytes of training, role by role",
  )
    .argument(
      "[model]",
      "name of a GPT-2 or GPT-3, Hugging Face folder or config.json",
      modelPath,
    )
    .option("--model <path>", "the same", modelPath)
    .option("--batch <n>", "sequences of a step", positiveNumber, 8)
    .option("--length <n>", "tokens of a sequence", positiveNumber, 64)
    .addOption(
      new Option("--optimizer <name>", "what keeps state between steps").choices(optimizerNames)
        .default("adamw"),
    )
    .addOption(
      new Option("--dtype <type>", "how numbers are held").choices(Object.keys(precisions))
        .default("f32"),
    );
  addMethodOptions(command).addHelpText("after", help).action(run);
}

async function run(argument: string | undefined, options: MemoryOptions): Promise<void> {
  const model = oneModel("memory", [argument, options.model])!, method = methodOf(options);
  const found = await forecast(await runnableConfig(model), options, method);
  const { peak: byRole, live, byFormula } = found;
  assertExact(sumOf(byRole));
  print(
    options,
    { byRole, live: sumOf(live), peak: sumOf(byRole), byFormula: byFormula ?? null },
    () => [heading(found, options), "", describe(found), ...footnote(options)].join("\n"),
  );
}

function assertExact(bytes: number): void {
  if (Number.isSafeInteger(bytes)) return;
  throw new RangeError(
    `a step must take fewer than 2^53 bytes to be exact, found about ${bytes.toExponential(1)}`,
  );
}

async function runnableConfig(model: string): Promise<ConfigJson> {
  const json = await configOf(model), type = json?.model_type;
  if (json && runnableTypes.some((known) => known === type)) return completeConfig(json);
  throw new RangeError(
    `predicting memory needs a configuration of model_type ${runnableTypes.join(" or ")}, found ${
      json ? type : "none"
    }`,
  );
}

function heading({ parameters, trained }: Forecast, { batch, length }: ForecastOptions): string {
  const [all, some, sequences, tokens] = [parameters, trained, batch, length]
    .map((count) => count.toLocaleString("en-US"));
  return `base: ${all} parameters; trained: ${some}; a step: ${sequences} x ${tokens} tokens`;
}

function describe({ live, peak, byFormula }: Forecast): string {
  const row = (name: string, pick: (bytes: Partial<BytesByRole>) => number) => ({
    name,
    live: pick(live),
    peak: pick(peak),
    formula: byFormula ? pick(byFormula) : "–",
  });
  const rows = roles.filter((role) => peak[role] > 0)
    .map((role) => row(role, (bytes) => bytes[role] ?? 0));
  return table([...rows, row("all", sumOf)], [
    ["role", ({ name }) => name],
    ["between steps", ({ live }) => live],
    ["", ({ live }) => formatBytes(live)],
    ["at the peak", ({ peak }) => peak],
    ["", ({ peak }) => formatBytes(peak)],
    ["by formula", ({ formula }) => formula],
  ]);
}

function footnote({ optimizer, dtype }: ForecastOptions): string[] {
  if (dtype === "f32" && optimizer === "adamw") return [];
  return ["", `Restated by formula for ${optimizer} in ${dtype}: AdamW in F32 is what was run.`];
}

const sumOf = (bytes: Partial<BytesByRole>): number =>
  Object.values(bytes).reduce((sum, some) => sum + some, 0);
