/** Folders of finished runs. @module */

import fc from "npm:fast-check@4.10.2";
import { sha256 } from "../../../src/storage/digest.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { Perceptron } from "../../../src/models/mod.ts";
import { readRun, run, type RunFiles, runFiles, type RunSpec } from "../../../src/runs/mod.ts";
import { areFinite, type Files, type Kind, onDisk, sound, writeFiles } from "../kind.ts";
import { jsonFiles } from "../mutations.ts";
import { batch, goodSpec, shape } from "./runs.ts";

const spec = goodSpec as unknown as RunSpec;
const parts = ["spec.json", "log.json", "ledger.json", "metrics.json"];

/** The folder of a run of two steps, without its adapter. */
const good: Files = await onDisk({}, async (folder) => {
  using device = new ReferenceDevice();
  const result = await run<Perceptron>(spec, {
    folder,
    device,
    openModel: (_, device) => Perceptron.init(device, shape, 1),
    openBatches: () => [batch],
    save: () => Promise.resolve(),
    measure: () => ({ loss: 0.5 }),
  });
  const read = async (name: string) => [name, await Deno.readFile(`${result.folder}/${name}`)];
  return Object.fromEntries(await Promise.all([...parts, "done.json"].map(read)));
});

const text = new TextDecoder(), parsed = (name: string) => JSON.parse(text.decode(good[name]));

/** One file of the folder, spoiled. */
const spoiled = fc.constantFrom(...parts, "done.json").chain((name) =>
  jsonFiles(fc.constant(parsed(name)), {
    values: ["\u001b[2J", 1e300, -1, [0.5, 1e999], {}],
    keys: ["sha256", "weights", "device", "exact", "loss", "live", "peak", "byRole", "peakByRole"],
  }).map((bytes): Files => ({ ...good, [name]: bytes }))
);

/** Its digests must be made right before it is read: then only its fields are wrong. */
const signed = "signed";

/** Finished runs, which are read as they were written, or refused. */
export const runFolders: Kind = {
  name: "folders of runs",
  inputs: fc.tuple(spoiled, fc.boolean())
    .map(([files, signs]): Files => signs ? { ...files, [signed]: new Uint8Array() } : files),
  refusals: [SyntaxError, RangeError],
  read: ({ [signed]: signs, ...files }) =>
    onDisk({}, async (runs) => {
      const places = await runFiles(runs, spec);
      Deno.mkdirSync(places.folder);
      writeFiles(places.folder, signs ? await sign(files) : files);
      await checkRead(places, signs ? undefined : files);
    }),
};

/** The files with the digests of what they hold, if `done.json` can have digests. */
async function sign(files: Files): Promise<Files> {
  try {
    const done = JSON.parse(text.decode(files["done.json"]));
    for (const name of parts) {
      done.sha256[name.replace(".json", "")] = await sha256(files[name]);
    }
    return { ...files, "done.json": new TextEncoder().encode(JSON.stringify(done)) };
  } catch {
    return files;
  }
}

/** Reads the run; with `files`, it must be the one that was written. */
async function checkRead(places: RunFiles, files?: Files): Promise<void> {
  const result = await readRun(places, spec);
  if (!result) return;
  const { log, ledger, metrics, device, exact } = result, { steps } = spec.training;
  for (const numbers of [log.loss, log.gradientNorm, log.learningRate]) {
    sound(areFinite(numbers) && numbers.length === steps, `the log ${numbers}`);
  }
  sound(areFinite([ledger.live, ledger.peak]), `the bytes ${ledger.live} and ${ledger.peak}`);
  sound(typeof metrics === "object" && typeof device === "string", `the device ${device}`);
  sound(typeof exact === "boolean", `${exact} as whether it is exact`);
  if (!files) return;
  for (const name of parts) {
    const same = text.decode(files[name]) === text.decode(good[name]);
    sound(same, `${name} that the run did not write`);
  }
}
