/**
 * What some tests need beyond Deno, and whether this machine has it.
 *
 * A test that needs a part is in a file named `*_parts_test.ts` and is ignored where the part is
 * missing: `Deno.test({ name, ignore: !await webgpuAvailable(), fn })`.
 *
 * @module
 */

// Without it, Deno takes OpenGL where Vulkan is missing, which is no adapter that we support.
if (Deno.build.os === "linux" && !Deno.env.has("DENO_WEBGPU_BACKEND")) {
  Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan");
}

/** Something that a machine may lack. */
export interface Part {
  name: string;
  available(): boolean | Promise<boolean>;
  /** What is missing and how to get it. */
  remedy: string;
}

/** Whether there is a WebGPU adapter; a software one will do. */
export async function webgpuAvailable(): Promise<boolean> {
  return await navigator.gpu?.requestAdapter() != null;
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

const blasLibraries = [
  Deno.env.get("LOWRANK_BLAS"),
  "libopenblas.so.0",
  "/System/Library/Frameworks/Accelerate.framework/Accelerate",
  "libopenblas.dll",
];

/** Whether the system has a BLAS. */
export function blasAvailable(): boolean {
  return blasLibraries.some((path) => path !== undefined && opens(path));
}

function opens(library: string): boolean {
  try {
    Deno.dlopen(library, {}).close();
    return true;
  } catch {
    return false;
  }
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
];

/** The parts that this machine lacks. */
export async function missingParts(): Promise<Part[]> {
  const found = await Promise.all(parts.map((part) => part.available()));
  return parts.filter((_, index) => !found[index]);
}
