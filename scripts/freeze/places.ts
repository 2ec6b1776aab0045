/** Everything that the freeze names of the repository: when files move, change it here and nowhere else. @module */

/** The repository's root folder, as a URL that ends in a slash. */
export const root = new URL("../../", import.meta.url);

/** The root as a path without a final slash. */
export const rootPath = decodeURIComponent(root.pathname).replace(/\/$/, "");

/** The one module that is imported from src by its path: the program behind `cli.ts`. */
const program = "src/cli/program.ts";

/** Folder of the frozen data. */
export const frozenFolder = new URL("tests/freeze/", root);

/** Folders that are counted, and read for sentences. */
export const countedFolders = [
  "src",
  "experiments",
  "kernels",
  "tests",
  "docs",
  "scripts",
  "bench",
];

/** The golden models of which adapters are made, by family. */
export const families: Readonly<Record<string, string>> = {
  gpt2: "gpt2_tiny",
  bert: "families/bert_classifier",
  bert_masked: "families/bert_masked",
  roberta: "families/roberta_classifier",
  deberta: "families/deberta_classifier",
  deberta_v2: "families/deberta_v2_classifier",
  deberta_v2_masked: "families/deberta_v2_masked",
  deberta_v2_convolution: "families/deberta_v2_convolution_masked",
  llama: "families/llama",
  mistral: "families/mistral",
  qwen2: "families/qwen2",
};

/** Modules whose number of modules and import time are measured: `mod.ts`, and those that declare these functions. */
export const measuredFunctions = ["injectLora", "loadAdapter", "readAdapter"];

/** The entries of the package, by name: "." and "./adapt" and so on. */
export const entries: Readonly<Record<string, string>> = JSON.parse(
  Deno.readTextFileSync(new URL("deno.json", root)),
).exports;

/** A public entry, imported. */
// deno-lint-ignore no-explicit-any -- the entries are what is being frozen
export const entry = async (name: string): Promise<any> =>
  await import(new URL(entries[name], root).href);

/** The command line's main. */
export const commandLine = async (): Promise<(args: readonly string[]) => Promise<number>> =>
  (await import(new URL(program, root).href)).main;

/** Paths of all files that git knows or would add, relative to the root. */
export function gitFiles(...under: string[]): string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ...under];
  const { stdout } = new Deno.Command("git", { args, cwd: rootPath }).outputSync();
  const paths = new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
  return [...new Set(paths)].sort().filter((path) => exists(new URL(path, root)));
}

function exists(url: URL): boolean {
  try {
    return Deno.statSync(url).isFile;
  } catch {
    return false;
  }
}

/** The first 16 hexadecimal digits of SHA-256. */
export async function digest(content: string | Uint8Array): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource));
  return sum.slice(0, 8).toHex();
}

/** Runs Deno and returns what it writes; throws where it fails. */
export async function deno(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: rootPath,
    env: { NO_COLOR: "1", ...env },
  });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`deno ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The results of `work` on all items, four at a time, in their order. */
export async function fourAtATime<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]);
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return results;
}
