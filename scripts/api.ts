/**
 * The public names of all entries with their signatures, as text: `deno task api` writes
 * `tests/package/api.txt`, with which a test compares the code.
 *
 * @module
 */

import { root, rootPath, sourceText } from "./support/source_files.ts";
import { declarationLines } from "./api/signatures.ts";

/** Signatures of names: a name's entries, its declaration, and a line for each member. */
export type Api = ReadonlyMap<string, readonly string[]>;

/** The file of the snapshot. */
export const apiPath = "tests/package/api.txt";

// deno-lint-ignore no-explicit-any -- the JSON of deno doc
type Node = any;

/** The API of the code. */
export async function readApi(): Promise<Api> {
  const entries = Object.entries<string>(JSON.parse(sourceText("deno.json")).exports);
  const nodes = await documented(entries.map(([, path]) => path));
  const api = new Map<string, { entries: string[]; lines: string[] }>();
  for (const [entry, path] of entries) {
    for (const { name, declarations } of nodes[new URL(path, root).href]?.symbols ?? []) {
      const known = api.get(name) ?? { entries: [], lines: [] };
      known.entries.push(entry);
      const own = declarations.filter(({ kind }: Node) => kind !== "reference");
      if (known.lines.length === 0) known.lines = own.flatMap(declarationLines);
      api.set(name, known);
    }
  }
  const names = [...api].sort(([one], [other]) => one < other ? -1 : 1);
  return new Map(
    names.map(([name, { entries, lines }]) => [name, [`in ${entries.join(", ")}`, ...lines]]),
  );
}

async function documented(paths: readonly string[]): Promise<Record<string, Node>> {
  const args = ["doc", "--json", ...paths];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: rootPath,
  }).output();
  if (!success) throw new Error(`deno doc failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout)).nodes;
}

/** The text of the snapshot. */
export const apiText = (api: Api): string =>
  [...api].map(([name, lines]) => [name, ...lines.map((line) => `  ${line}`)].join("\n"))
    .join("\n\n") + "\n";

/** The API in a snapshot. */
export const parseApi = (text: string): Api =>
  new Map(
    text.trimEnd().split("\n\n").map((part) => part.split("\n")).map(([name, ...lines]) => [
      name,
      lines.map((line) => line.slice(2)),
    ]),
  );

/** Changes in words, a line each; none where both are the same. */
export function apiChanges(before: Api, now: Api): string[] {
  const names = [...new Set([...before.keys(), ...now.keys()])].sort();
  return names.flatMap((name) => {
    const [old, made] = [before.get(name), now.get(name)];
    if (!made) return [`${name} is gone, which was ${old![0]}`];
    if (!old) return [`${name} is new ${made[0]}: ${made[1]}`];
    return changesOf(name, old, made);
  });
}

function changesOf(name: string, old: readonly string[], made: readonly string[]): string[] {
  const gone = old.filter((line) => !made.includes(line));
  const added = made.filter((line) => !old.includes(line));
  const pairs = gone.map((line) => [line, added.find((one) => wordOf(one) === wordOf(line))]);
  const replaced = new Set(pairs.map(([, one]) => one));
  return [
    ...pairs.map(([line, one]) =>
      one === undefined ? `${name}: gone is ${line}` : `${name}: was ${line}; is ${one}`
    ),
    ...added.filter((line) => !replaced.has(line)).map((line) => `${name}: new is ${line}`),
  ];
}

/** The name of a member; of a name's own line the kind. */
const wordOf = (line: string): string =>
  line.startsWith(".")
    ? /([\w[\]#.]+)\??[:(<]/.exec(line.slice(1))?.[1] ?? line
    : line.split(/[ (<:]/)[0];

if (import.meta.main) {
  await Deno.writeTextFile(new URL(apiPath, root), apiText(await readApi()));
}
