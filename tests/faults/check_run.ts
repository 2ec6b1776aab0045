/** A run with a fault at an operation of the disk: the next call resumes to the same bits. @module */

import { assert, assertEquals } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { run, type RunResult } from "../../src/runs/mod.ts";
import { tinyOptions, tinySpec } from "../runs/fixtures.ts";
import { withMemoryFolder } from "../../scripts/support/folders.ts";
import { operationsOf } from "./check_saver.ts";
import { type Extent, type Fault, faults, FaultyDisk, placesOf } from "./faulty_disk.ts";
import { narrowModel } from "./narrow_model.ts";

const spec = tinySpec(3, { kind: "lora", rank: 1, sites: ["q"] });

/** Three steps with a checkpoint after each. */
async function train(device: Device, folder: string): Promise<RunResult> {
  const openModel = () => narrowModel(device);
  return await run(spec, { ...tinyOptions(folder, device), openModel, checkpointEvery: 1 });
}

/** The results that must not depend on faults: the log, the metrics, and every saved byte. */
async function outcomeOf({ folder, log, metrics, exact }: RunResult): Promise<unknown> {
  const names = ["adapter_config.json", "adapter_model.safetensors"];
  const files = names.map(async (name) =>
    (await Deno.readFile(`${folder}/adapter/${name}`)).toHex()
  );
  return { log, metrics, exact, files: await Promise.all(files) };
}

/** Names of temporary files in a folder and below. */
function temporaryIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name, isDirectory }) => {
    return isDirectory ? temporaryIn(`${folder}/${name}`) : name.endsWith(".tmp") ? [name] : [];
  }).flat();
}

/** Runs with a fault, then again without; returns whether the fault was reached. */
async function tryOne(device: Device, fault: Fault, at: number, whole: unknown): Promise<boolean> {
  let isReached = false;
  await withMemoryFolder(async (folder) => {
    const { live } = device.ledger.read(), disk = new FaultyDisk(fault, at);
    const failure = await train(device, folder).then(() => undefined, (error: Error) => error);
    disk[Symbol.dispose]();
    isReached = disk.isReached;
    const what = `${fault} at operation ${at} (${disk.faulty}): ${failure?.message}`;
    if (!isReached || fault === "short" || fault === "EINTR") assert(!failure, what);
    assertEquals(device.ledger.read().live, live, what);
    await operationsOf(async () => {
      assertEquals(await outcomeOf(await train(device, folder)), whole, what);
    });
    assertEquals(temporaryIn(folder), [], what);
  });
  return isReached;
}

/** Tries faults at operations of a run of three steps. */
export async function checkRun(extent: Extent): Promise<void> {
  using device = await openCpuDevice({ threads: 1 });
  let whole: unknown, operations: string[] = [];
  await withMemoryFolder(async (folder) => {
    operations = await operationsOf(async () => {
      whole = await outcomeOf(await train(device, folder));
    });
  });
  // Two checkpoints and six files, each made, written, flushed and renamed.
  assert(operations.length > 4 * 8, `found ${operations.length} operations`);
  for (const fault of faults) {
    for (const at of placesOf(fault, operations, extent)) {
      assert(await tryOne(device, fault, at, whole), `${fault} at ${at} was not reached`);
    }
  }
}
