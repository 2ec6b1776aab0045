/** What a program pays before its first own line. @module */

/** Least ms of a few fresh processes. */
export interface StartUp {
  readonly emptyMs: number;
  readonly importMs: number;
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

/** An empty program beside one that imports `mod.ts`, compiled before. */
export async function startUp(root: URL): Promise<StartUp> {
  const code = `await import("${new URL("mod.ts", root)}")`;
  await leastMs(code, root, 1);
  return { emptyMs: await leastMs("0", root), importMs: await leastMs(code, root) };
}
