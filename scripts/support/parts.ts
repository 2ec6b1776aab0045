/**
 * Parts that some tests need beyond Deno, and checks that this machine has them.
 *
 * A test that needs a part is in a file named `*_parts_test.ts` and is ignored where the part is
 * missing: `Deno.test({ name, ignore: !await webgpuAvailable(), fn })`.
 *
 * @module
 */

import { labInstalled } from "../lab_environment.ts";
import { openBlas } from "../../src/blas/mod.ts";
import { lazily } from "../../src/core/numbers.ts";
import { findAdapter, requiresHardware } from "../../src/device/webgpu/adapter.ts";

/** The tiers that a run is of, such as `core,parts`, for the files that belong to two of them. */
export const tiersVariable = "LOWRANK_TIERS";

if (Deno.build.os === "linux") {
  // Without it, Deno takes OpenGL where Vulkan is missing, which does not keep NaN (docs/devices.md).
  setUnlessGiven("DENO_WEBGPU_BACKEND", "vulkan");
  // Mesa's software adapter spends two thirds of the tests' time on optimizing programs that run once.
  if (!Deno.env.get(tiersVariable)?.includes("nightly")) setUnlessGiven("GALLIVM_PERF", "nopt");
}

function setUnlessGiven(name: string, value: string): void {
  if (!Deno.env.has(name)) Deno.env.set(name, value);
}

/** True if tests of this tier are run now: all are at night, and where `deno test` runs a file by itself. */
export function tierIsWanted(tier: string): boolean {
  const wanted = Deno.env.get(tiersVariable)?.split(",") ?? ["nightly"];
  return wanted.includes(tier) || wanted.includes("nightly");
}

/** Something that a machine may lack. */
export interface Part {
  name: string;
  available(): boolean | Promise<boolean>;
  /** The missing part and the way to get it. */
  remedy: string;
}

/** Prints what the machine's adapter is and has, once for each process of tests. */
const printAdapter = lazily(async () => console.log(JSON.stringify(await adapterFacts(), null, 2)));

/**
 * True if there is a WebGPU adapter; a software one will do. With `LOWRANK_REQUIRE_HARDWARE=1` the answer is
 * yes, so that tests fail where there is none, and the adapter is printed.
 */
export async function webgpuAvailable(): Promise<boolean> {
  if (!requiresHardware()) return await findAdapter() !== undefined;
  await printAdapter();
  return true;
}

/** The adapter's information, features and limits, or null. */
export async function adapterFacts() {
  const adapter = await findAdapter();
  if (!adapter) return null;
  const { info, features, limits } = adapter;
  return {
    info: valuesOf(info),
    features: [...features].sort(),
    limits: valuesOf(limits),
  };
}

/** The values of the getters of its class, which are no properties of its own. */
function valuesOf(object: object): Record<string, unknown> {
  const getters = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object)))
    .filter(([, { get }]) => get);
  return Object.fromEntries(getters.map(([name, { get }]) => [name, get!.call(object)]));
}

const browsers = ["chromium", "chromium-browser", "google-chrome"];

/** The path of a Chromium, or `undefined`. */
export function browserPath(): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return browsers.flatMap((name) => folders.map((folder) => `${folder}/${name}`)).find(isFile);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** True if the system has a BLAS, and `LOWRANK_BLAS` is not `off`. */
export function blasAvailable(): boolean {
  using blas = openBlas();
  return blas !== undefined;
}

/** Every part, in the order in which the test command names the missing ones. */
export const parts: readonly Part[] = [
  {
    name: "webgpu",
    available: webgpuAvailable,
    remedy: "no adapter found; on Debian: apt-get install mesa-vulkan-drivers",
  },
  {
    name: "blas",
    available: blasAvailable,
    remedy: "no BLAS found; on Debian: apt-get install libopenblas0",
  },
  {
    name: "browser",
    available: () => browserPath() !== undefined,
    remedy: "no Chromium found; on Debian: apt-get install chromium",
  },
  {
    name: "jupyter",
    available: labInstalled,
    remedy: "no JupyterLab in .venv; deno task test:lab installs it",
  },
];

/** The parts that this machine lacks. */
export async function missingParts(): Promise<Part[]> {
  const found = await Promise.all(parts.map((part) => part.available()));
  return parts.filter((_, index) => !found[index]);
}
