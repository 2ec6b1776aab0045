/**
 * The one-way rule of imports: reads the module graph and finds the arrows that point upwards.
 *
 * @module
 */

import { root, rootPath, sourceFiles } from "./source_files.ts";

/** A layer and the layers that it stands directly on. */
export type LayerTable = Readonly<Record<string, readonly string[]>>;

/** One import, between paths relative to the repository's root. */
export interface Import {
  from: string;
  to: string;
}

/** The layer of a file: its folder in `src`, `kernels`, `experiments`, or the stem of a file of the root. */
export function layerOf(path: string): string {
  const [top, next] = path.split("/");
  if (next === undefined) return top.replace(/\.ts$/, "");
  if (top === "src") return next;
  // The slash keeps models/ apart from src/models.
  return top === "kernels" || top === "experiments" ? top : `${top}/`;
}

/** Every layer that `layer` may import: itself and all that can be reached along the arrows. */
export function allowedBelow(table: LayerTable, layer: string): Set<string> {
  const allowed = new Set([layer]);
  for (const below of allowed) table[below].forEach((next) => allowed.add(next));
  return allowed;
}

/** A sentence for each import that the table does not allow. */
export function layerViolations(imports: readonly Import[], table: LayerTable): string[] {
  return imports.flatMap(({ from, to }) => {
    const unknown = [from, to].filter((path) => !Object.hasOwn(table, layerOf(path)));
    if (unknown.length > 0) return unknown.map(unknownLayer);
    if (allowedBelow(table, layerOf(from)).has(layerOf(to))) return [];
    return [`${from} imports ${to}: ${layerOf(from)} must not know ${layerOf(to)}`];
  });
}

/** The sentence for a file whose folder is in no row of the table. */
export function unknownLayer(path: string): string {
  return `${path} is in no layer: "${layerOf(path)}" is not in the table of tests/layers_test.ts`;
}

/** Groups of files that import each other, directly or around a circle. */
export function circles(imports: readonly Import[]): string[][] {
  const reach = new Map<string, Set<string>>();
  const next = Map.groupBy(imports, ({ from }) => from);
  const reachable = (file: string): Set<string> => {
    const known = reach.get(file);
    if (known) return known;
    const found = new Set<string>();
    reach.set(file, found);
    const waiting = [file];
    for (const at of waiting) {
      for (const { to } of next.get(at) ?? []) if (!found.has(to)) found.add(to), waiting.push(to);
    }
    return found;
  };
  const inCircle = [...next.keys()].filter((file) => reachable(file).has(file));
  const groups = Map.groupBy(
    inCircle,
    (file) => inCircle.find((other) => reachable(file).has(other) && reachable(other).has(file)),
  );
  return [...groups.values()];
}

interface GraphModule {
  specifier: string;
  error?: string;
  dependencies?: { code?: { specifier: string }; type?: { specifier: string } }[];
}

/**
 * All imports between the package's files, those of types included.
 *
 * Every file is a root of the graph and not only the entries, because a worker is reached through a
 * URL and not through an import.
 */
export async function packageImports(): Promise<Import[]> {
  return await importsAmong(sourceFiles().filter((path) => !path.endsWith(".as.ts")));
}

/** All imports of these files and of those that they import, as far as they are in the repository. */
export async function importsAmong(files: readonly string[]): Promise<Import[]> {
  const entries = files.map((path) => new URL(path, root).href);
  const modules = await moduleGraph(entries);
  // A file that does not parse shows no imports; one that does not exist has none.
  const broken = modules.find(({ specifier, error }) => error && entries.includes(specifier));
  if (broken) throw new SyntaxError(`${broken.specifier} cannot be read: ${broken.error}`);
  return modules.filter(({ specifier }) => isOurs(specifier)).flatMap(importsOf);
}

/** `deno info` takes one root, so a file outside of the repository imports them all. */
async function moduleGraph(entries: readonly string[]): Promise<GraphModule[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      entry,
      entries.map((url) => `import ${JSON.stringify(url)};`).join("\n"),
    );
    const args = ["info", "--json", "--no-lock", "--config", `${rootPath}deno.json`, entry];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    if (!success) throw new Error(`deno info failed: ${new TextDecoder().decode(stderr)}`);
    return JSON.parse(new TextDecoder().decode(stdout)).modules;
  } finally {
    await Deno.remove(entry);
  }
}

const isOurs = (url: string): boolean => url.startsWith(root.href);

function importsOf({ specifier, dependencies = [] }: GraphModule): Import[] {
  return dependencies
    .flatMap(({ code, type }) => [code?.specifier, type?.specifier])
    .filter((to): to is string => to !== undefined && isOurs(to))
    .map((to) => ({ from: specifier.slice(root.href.length), to: to.slice(root.href.length) }));
}
