/** Time until a program's first own line, and until a user's first number. @module */

import { environmentOf } from "./environment.ts";

/** ms of one fresh process up to its first loss or token. */
export interface FirstCall {
  /** A variant of ours: `cpu`, `blas` or `webgpu`, the last from an empty shader cache. */
  readonly variant: string;
  /** `loss` of the tiny GPT, or `token` of the base in `models/`. */
  readonly what: string;
  readonly openMs: number;
  readonly loadMs: number;
  readonly firstMs: number;
  /** Time from the start of the process to its end. */
  readonly totalMs: number;
}

/** Least ms of a few fresh processes. */
export interface StartUp {
  readonly emptyMs: number;
  readonly importMs: number;
  /** Absent in older results. */
  readonly firstCalls?: readonly FirstCall[];
}

async function leastMs(code: string, cwd: URL, repeats = 5): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await new Deno.Command(Deno.execPath(), { args: ["eval", code], cwd }).output();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

async function firstCall(
  variant: string,
  what: string,
  root: URL,
  limit: number,
): Promise<FirstCall | undefined> {
  const script = new URL("bench/contenders/ours_first.ts", root).pathname;
  const args = ["run", "-A", "--no-lock", script, variant, what];
  const shaders = await Deno.makeTempDir();
  const env = { ...environmentOf(variant), MESA_SHADER_CACHE_DIR: shaders };
  const start = performance.now();
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    ...{ args, env, clearEnv: true, cwd: root, signal: AbortSignal.timeout(limit * 1000) },
  }).output();
  const totalMs = performance.now() - start;
  await Deno.remove(shaders, { recursive: true });
  if (!success) return undefined;
  return { variant, what, ...JSON.parse(new TextDecoder().decode(stdout)), totalMs };
}

/** The fastest of a few processes; `undefined` where the variant does not run here. */
async function leastFirstCall(variant: string, what: string, root: URL, limit: number) {
  let least: FirstCall | undefined;
  for (let i = 0; i < 3; i++) {
    const found = await firstCall(variant, what, root, limit);
    if (!found) break;
    if (!(least && least.totalMs <= found.totalMs)) least = found;
  }
  return least;
}

/**
 * An empty program beside one that imports `mod.ts`, compiled before; first losses and tokens.
 *
 * @param limit Seconds after which a process of a first call is ended.
 */
export async function startUp(root: URL, limit: number): Promise<StartUp> {
  const code = `await import("${new URL("mod.ts", root)}")`, firstCalls: FirstCall[] = [];
  console.error("start-up: import of mod.ts");
  await leastMs(code, root, 1);
  for (const variant of ["cpu", "blas", "webgpu"]) {
    for (const what of ["loss", "token"]) {
      console.error(`start-up: first ${what}, ours ${variant}`);
      const least = await leastFirstCall(variant, what, root, limit);
      if (least) firstCalls.push(least);
      else console.error(`start-up: first ${what}, ours ${variant}: not run`);
    }
  }
  return { emptyMs: await leastMs("0", root), importMs: await leastMs(code, root), firstCalls };
}
