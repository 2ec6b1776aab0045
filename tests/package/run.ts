/** Other people's folders: running a program in one, and putting the packed package into one. @module */

import { rootPath } from "../../scripts/support/source_files.ts";

/**
 * Runs `deno run ARGS` in a folder; returns what it printed, or throws what it said.
 *
 * @param cache A folder for remote modules in place of this machine's.
 */
export async function run(
  folder: string,
  args: readonly string[],
  cache?: string,
): Promise<string> {
  return await deno(folder, ["run", "--no-prompt", ...args], cache ? { DENO_DIR: cache } : {});
}

/** Packs the package and unpacks it to where npm would install it. */
export async function unpack(folder: string): Promise<void> {
  const tarball = `${folder}/package.tgz`, modules = `${folder}/node_modules/@lowrank`;
  await deno(rootPath, ["pack", "--quiet", "--allow-dirty", `--output=${tarball}`]);
  await Deno.mkdir(modules, { recursive: true });
  const args = ["xzf", tarball, "-C", modules];
  const { success } = await new Deno.Command("tar", { args }).output();
  if (!success) throw new Error(`tar could not unpack ${tarball}`);
  await Deno.rename(`${modules}/package`, `${modules}/core`);
  const dependencies = { "@lowrank/core": "*" };
  await Deno.writeTextFile(
    `${folder}/package.json`,
    JSON.stringify({ type: "module", dependencies }),
  );
}

/** Bundles one of the package's entries for a browser. */
export async function bundle(entry: string, output: string): Promise<void> {
  await deno(rootPath, ["bundle", "--quiet", "--platform=browser", `--output=${output}`, entry]);
}

async function deno(
  cwd: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", LOWRANK_DEVICE: "cpu", ...env },
    stdin: "null",
  }).output();
  const [printed, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`deno ${args.join(" ")} failed: ${said}`);
  return printed;
}

/** A cache without remote modules, so that what a server sends is what runs; npm packages are shared. */
export async function moduleCache(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "lowrank_cache_" });
  const { denoDir } = JSON.parse(await deno(rootPath, ["info", "--json"]));
  await Deno.mkdir(`${denoDir}/npm`, { recursive: true });
  await Deno.symlink(`${denoDir}/npm`, `${path}/npm`, { type: "dir" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
