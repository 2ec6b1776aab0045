/** The study's runs are what the command line makes of the same texts. */

import { assertEquals } from "@std/assert";
import { openStudy, planStudy, type StudyMethod } from "../../../experiments/encoder_study/runs.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { readJson } from "../../../src/storage/files.ts";
import { lowrank, lowrankJson } from "../../cli/lowrank.ts";
import { withFolder } from "../../support/folders.ts";
import { rootPath } from "../../support/source_files.ts";

const sizes = { train: 12, validation: 4, test: 8, words: 9, batch: 4, epochs: 2 };
const task = {
  name: "made up",
  asks: "sea or war",
  encoding: "utf-8",
  trainFile: "own.all",
} as const;

const kinds = [["ship", "sailor", "whale", "boat"], ["army", "general", "enemy", "sword"]];
const lines = kinds.flatMap((names, label) =>
  names.flatMap((name) =>
    ["came", "is old", "was here"].map((what) => `${label} The ${name} ${what}`)
  )
);

// A decoder stands in for the encoder, with the head that it has.
const lora = { kind: "lora", rank: 2, sites: ["q", "v"], modulesToSave: ["score"] } as const;
const cases: readonly [StudyMethod, ...string[]][] = [
  [{ places: "full", spec: { kind: "full" } }, "--method", "full"],
  [{ places: "qv", spec: lora }, "--rank", "2", "--sites", "q,v"],
];

Deno.test("a run's losses and accuracy are those of train and evaluate with the same texts", () =>
  withFolder(async (folder) => {
    const base = `${folder}/models/all-MiniLM-L6-v2`, seed = 3, learningRate = 2e-3;
    await Deno.mkdir(`${folder}/models`);
    await Deno.symlink(`${rootPath}/models/tiny-gpt2`, base);
    await Deno.writeTextFile(`${folder}/own.all`, lines.join("\n"));
    const study = openStudy(folder, sizes), parts = await study.texts(task);
    const write = (part: "train" | "test") =>
      Deno.writeTextFile(
        `${folder}/${part}.jsonl`,
        parts[part].rows.map((row) => JSON.stringify(row)).join("\n"),
      );
    await write("train");
    await write("test");
    using device = await openCpuDevice();
    for (const [method, ...options] of cases) {
      const run = planStudy(study, { task, method, learningRate, seed, part: "test" });
      const { log, metrics } = await run.make({ device, folder: `${folder}/runs` });
      const output = `${folder}/${method.places}`, model = ["--model", base];
      const { code, stderr } = await lowrank(
        ...["train", ...model, "--data", `${folder}/train.jsonl`, "--validation", "0", ...options],
        ...["--output", output, "--seed", `${seed}`, "--learning-rate", `${learningRate}`],
        ...["--batch-size", `${sizes.batch}`, "--epochs", `${sizes.epochs}`],
      );
      assertEquals(code, 0, stderr);
      assertEquals((await readJson(`${output}/log.json`) as typeof log).loss, log.loss);
      const made = method.places === "full" ? ["--model", output] : [...model, "--adapter", output];
      const { accuracy, mostFrequent } = await lowrankJson(
        ...["evaluate", ...made, "--data", `${folder}/test.jsonl`],
      );
      assertEquals([metrics.accuracy, metrics.majority], [accuracy, mostFrequent]);
    }
  }));
