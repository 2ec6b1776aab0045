/** Finding declarations in the package's own sources, wherever it was loaded from. @module */

/** A source file. */
export interface Source {
  /** Where it is. */
  readonly url: string;
  /** What it says. */
  readonly text: string;
}

/** A declaration in a source file. */
export interface Declaration {
  /** The file. */
  readonly source: Source;
  /** Where it begins there, at `export`, `interface` or the like. */
  readonly start: number;
}

const folders =
  ("adapt train models data tokenizer autograd nn device runs formats architectures " +
    "accounting paper figures analysis inspect lesson metrics quant notebook").split(" ");

/** The entries of `deno.json`, without extension, in the order in which they are searched. */
export const entries: readonly string[] = [
  "mod",
  ...folders.map((name) => `src/${name}/mod`),
  "kernels/mod",
  "experiments/mod",
];

const root = new URL("../../../", import.meta.url);
const extension = import.meta.url.endsWith(".js") ? ".js" : ".ts";

const read = new Map<string, Promise<Source>>();

/** Reads a source file once. */
export function readSource(url: string): Promise<Source> {
  const found = read.get(url);
  if (found) return found;
  const reading = fetch(url).then(async (response) => ({ url, text: await response.text() }));
  read.set(url, reading);
  return reading;
}

/** The declaration of a name that the package exports. */
export async function findExport(name: string): Promise<Declaration | undefined> {
  for (const entry of entries) {
    const found = await findIn(new URL(entry + extension, root).href, name);
    if (found) return found;
  }
}

/** The declaration of a name that a file declares or imports. */
export async function findFrom(source: Source, name: string): Promise<Declaration | undefined> {
  const start = declarationAt(source.text, name);
  if (start >= 0) return { source, start };
  const target = targetOf(source, "import", name);
  return target && await findIn(target.url, target.name);
}

async function findIn(url: string, name: string): Promise<Declaration | undefined> {
  const source = await readSource(url), start = declarationAt(source.text, name);
  if (start >= 0) return { source, start };
  const target = targetOf(source, "export", name);
  if (target) return await findIn(target.url, target.name);
  for (const [, from] of source.text.matchAll(/^export \* from "([^"]+)"/gm)) {
    const found = await findIn(new URL(from, url).href, name);
    if (found) return found;
  }
}

const kinds = "(?:async )?function\\*? |(?:abstract )?class |interface |const |type ";

function declarationAt(text: string, name: string): number {
  return text.search(new RegExp(`^(?:export )?(?:${kinds})${name}\\b`, "m"));
}

/** The file that a name is imported from, or exported again from, and its name there. */
function targetOf({ url, text }: Source, word: string, name: string) {
  const lists = text.matchAll(new RegExp(`^${word} (?:type )?\\{([^}]*)\\} from "([^"]+)"`, "gm"));
  for (const [, names, from] of lists) {
    const all = names.split(",").map((one) => one.trim().replace(/^type /, "").split(" as "));
    const found = all.find((pair) => pair.includes(name));
    if (found && /^\.\.?\//.test(from)) return { url: new URL(from, url).href, name: found[0] };
  }
}
