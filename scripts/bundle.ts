/** Bundles of scripts for pages, by `deno bundle`. @module */

import { rootPath } from "./support/source_files.ts";

/** The client of the hub, which no page asks. */
const leftOut = "npm:@huggingface/hub@*";

/**
 * Bundles scripts of the repository for a browser. Without `--minify`, which puts what is read once in the place of a
 * variable, of one that `using` declares too, which then is never disposed.
 *
 * @param entries Paths of the scripts.
 * @param options Further options of `deno bundle`, such as the place of its output.
 * @throws {Error} when they cannot be bundled.
 */
export async function bundle(
  entries: readonly string[],
  options: readonly string[],
): Promise<void> {
  const usual = ["--quiet", "--platform=browser", `--external=${leftOut}`];
  const args = ["bundle", ...usual, ...options, ...entries];
  const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).spawn()
    .status;
  if (!success) throw new Error(`deno bundle could not bundle ${entries.join(" and ")}`);
}
