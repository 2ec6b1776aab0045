/**
 * Killing a process that saves one of two things over the other again and again: this program, with the name of
 * a saver and a folder.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { injectLora } from "../../../src/adapt/mod.ts";
import { main } from "../../../src/cli/program.ts";
import type { Random } from "../../../src/core/random.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { readAdapter } from "../../../src/formats/mod.ts";
import { loadModel } from "../../../src/models/mod.ts";
import { golden } from "../../support/golden.ts";
import { Counts, type Found } from "./counts.ts";
import { contentsOf, sameBytes, sameContents } from "./folders.ts";

/** Something that is saved, in two versions which must never be mixed. */
interface Saver {
  /** The files that belong together. */
  readonly files: readonly string[];
  /** Longest time to a kill. */
  readonly mostMs: number;
  /** Prepares in a scratch folder what saving needs. */
  prepare(scratch: string): Promise<void>;
  /** Makes what saves a version to a folder. */
  open(scratch: string): Promise<(version: 0 | 1, folder: string) => Promise<void>>;
  /** Reads the folder as a user would; throws when it is refused. */
  read(folder: string): Promise<unknown>;
}

const model = golden("gpt2_tiny");

/** The savers by the names of what is killed. */
export const savers: Readonly<Record<string, Saver>> = {
  "adapter.save": {
    files: ["adapter_model.safetensors", "adapter_config.json"],
    mostMs: 60,
    prepare: () => Promise.resolve(),
    open: async () => {
      const device = new ReferenceDevice();
      const load = async (seed: number) => {
        const base = await loadModel(device, model);
        const adapter = injectLora(base, { rank: 4, alpha: 8 * seed, sites: "all", seed });
        for (const { B } of adapter.sites) {
          device.write(B.tensor, new Float32Array(B.size).fill(seed));
        }
        return adapter;
      };
      const adapters = [await load(1), await load(2)];
      return (version, folder) => adapters[version].save(folder);
    },
    read: readAdapter,
  },
  merge: {
    files: ["model.safetensors", "config.json"],
    mostMs: 300,
    prepare: async (scratch) => {
      // Two bases whose shapes are the same: the weights of one with the heads of the other would load.
      for (const [version, heads] of [3, 4].entries()) {
        const folder = `${scratch}/base${version}`;
        await Deno.mkdir(folder);
        for (const [name, bytes] of await contentsOf(model)) {
          await Deno.writeFile(`${folder}/${name}`, bytes);
        }
        const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
        const changed = JSON.stringify({ ...config, n_head: heads });
        await Deno.writeTextFile(`${folder}/config.json`, changed);
      }
    },
    open: (scratch) => {
      console.log = () => {};
      const adapters = ["peft_c_attn", "peft_suffix"].map((name) => golden(`adapters/${name}`));
      return Promise.resolve(async (version, folder) => {
        const from = ["--model", `${scratch}/base${version}`, "--adapter", adapters[version]];
        const place = ["--output", folder, "--device", "cpu", "--quiet"];
        if (await main(["merge", ...from, ...place]) !== 0) throw new Error("merge failed");
      });
    },
    read: async (folder) => {
      using device = await openCpuDevice({ threads: 1 });
      using _ = await loadModel(device, folder);
    },
  },
};

/** Kills it `count` times at random moments. */
export async function killSavers(name: string, count: number, random: Random): Promise<Counts> {
  const { log } = console, saver = savers[name], counts = new Counts();
  const scratch = await Deno.makeTempDir({ prefix: "lowrank_kills_" }), out = `${scratch}/out`;
  await saver.prepare(scratch);
  const save = await saver.open(scratch);
  const whole = [await wholeOf(0), await wholeOf(1)];
  async function wholeOf(version: 0 | 1) {
    await save(version, `${scratch}/whole${version}`);
    return await contentsOf(`${scratch}/whole${version}`);
  }
  while (counts.kills < count) {
    const last = await killOne(start(name, scratch), saver.mostMs * random.uniform());
    counts.killed(await foundIn(saver, out, whole, last));
    const version = counts.kills % 2 === 0 ? 0 : 1;
    await save(version, out);
    counts.ended(sameContents(await contentsOf(out), whole[version]));
  }
  console.log = log;
  await Deno.remove(scratch, { recursive: true });
  return counts;
}

/** Starts this program. */
const start = (name: string, scratch: string): Deno.ChildProcess =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", fileURLToPath(import.meta.url), name, scratch],
    stdout: "piped",
  }).spawn();

/** The process that is killed: says which version it has saved. */
async function saveForever(name: string, scratch: string): Promise<never> {
  const save = await savers[name].open(scratch);
  for (let version: 0 | 1 = 0;; version = version === 0 ? 1 : 0) {
    await save(version, `${scratch}/out`);
    Deno.stdout.writeSync(new TextEncoder().encode(`${version}\n`));
  }
}

/** Kills a process some time after it has saved for the first time; returns the version it saved last. */
async function killOne(child: Deno.ChildProcess, ms: number): Promise<number> {
  let text = "", isDue = false;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (!isDue) setTimeout(() => child.kill("SIGKILL"), ms);
    isDue = true;
  }
  const { signal } = await child.status;
  if (signal !== "SIGKILL") throw new Error(`the saving process ended by itself: ${text}`);
  return Number(text.trimEnd().at(-1));
}

async function foundIn(
  { files, read }: Saver,
  folder: string,
  whole: readonly ReadonlyMap<string, Uint8Array>[],
  last: number,
): Promise<Found> {
  const contents = await contentsOf(folder);
  const version = whole.findIndex((made) =>
    files.every((name) => sameBytes(contents.get(name), made.get(name)))
  );
  if (version >= 0) return version === last ? "old" : "new";
  return await read(folder).then(() => "torn" as const, () => "refused" as const);
}

if (import.meta.main) await saveForever(Deno.args[0], Deno.args[1]);
