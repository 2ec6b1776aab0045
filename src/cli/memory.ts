/** `lowrank memory`. @module */

import { type Command, Option } from "./commander.ts";
import { type LedgerReading, roles } from "../device/mod.ts";
import { formatBytes } from "../figures/format.ts";
import { parseGpt2Config, readConfig } from "../models/mod.ts";
import { applyMethod, predictMemory } from "../runs/mod.ts";
import { modelPath, positiveNumber } from "./arguments.ts";
import { type CommonOptions, print } from "./common.ts";
import { addMethodOptions, methodOf, type MethodOptions } from "./method.ts";
import { table } from "./table.ts";

interface MemoryOptions extends CommonOptions, MethodOptions {
  readonly model: string;
  readonly batch: number;
  readonly length: number;
}

const help = `
The step is run on a device that only counts. JSON: {"byRole", "live", "peak"}
in bytes, where byRole adds up to the peak and live is what stays between steps.`;

/** Predicts the bytes of a training step by running it on the dry device. */
export function addMemory(program: Command): void {
  const command = program.command("memory").description(
    "predict the bytes of training, role by role",
  )
    .requiredOption("--model <path>", "Hugging Face folder or config.json", modelPath)
    .option("--batch <n>", "sequences of a step", positiveNumber, 8)
    .option("--length <n>", "tokens of a sequence", positiveNumber, 64)
    .addOption(new Option("--optimizer <name>", "optimizer").choices(["adamw"]).default("adamw"))
    .addOption(new Option("--dtype <type>", "storage of weights").choices(["f32"]).default("f32"));
  addMethodOptions(command).addHelpText("after", help).action(run);
}

async function run(options: MemoryOptions): Promise<void> {
  const config = parseGpt2Config(await readConfig(options.model)), method = methodOf(options);
  const reading = predictMemory(config, {
    batch: options.batch,
    length: options.length,
    adapt: (model) => void applyMethod(model, method, options.seed),
  });
  const { live, peak, peakByRole } = reading;
  print(options, { byRole: peakByRole, live, peak }, () => describe(reading));
}

function describe({ live, peak, byRole, peakByRole }: LedgerReading): string {
  const rows = [
    ...roles.filter((role) => peakByRole[role] > 0)
      .map((role) => ({ name: role, live: byRole[role], peak: peakByRole[role] })),
    { name: "all", live, peak },
  ];
  return table(rows, [
    ["role", ({ name }) => name],
    ["between steps", ({ live }) => live],
    ["", ({ live }) => formatBytes(live)],
    ["at the peak", ({ peak }) => peak],
    ["", ({ peak }) => formatBytes(peak)],
  ]);
}
