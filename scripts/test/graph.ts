/**
 * The files that depend on a file: by imports, and by relative paths in their text, as of workers and data.
 *
 * A name that comes through a `mod.ts` depends on the file that defines it and on those that pass it
 * on, not on everything else that these pass on.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import { sourceText, withoutComments } from "../support/source_files.ts";

/** `import { a } from "./b.ts"`, `export { a } from "./b.ts"` or `export * from "./b.ts"`. */
interface Statement {
  readonly passesOn: boolean;
  /** Each name as it is there and here; undefined stands for all names. */
  readonly names?: readonly (readonly [there: string, here: string])[];
  readonly to: string;
}

/** A file as far as others depend on it. */
interface Module {
  readonly source: string;
  readonly statements: readonly Statement[];
  /** The files that it names outside of these statements: they are needed whole. */
  readonly mentions: readonly string[];
}

/** Files and those that depend on them. */
export class Graph {
  readonly #modules: ReadonlyMap<string, Module>;
  readonly #dependents = new Map<string, Set<string>>();

  /** Reads the text of these files, relative to the root. */
  constructor(files: readonly string[]) {
    this.#modules = new Map(files.map((path) => [path, readModule(path)]));
    for (const path of files) {
      for (const needed of this.#needs(path)) {
        this.#dependents.set(needed, (this.#dependents.get(needed) ?? new Set()).add(path));
      }
    }
  }

  /** Steps from these files to every file that depends on one of them; 0 for themselves. */
  distances(files: Iterable<string>): Map<string, number> {
    const steps = new Map([...files].map((path) => [path, 0]));
    for (const [path, distance] of steps) {
      for (const next of this.#dependents.get(path) ?? []) {
        if (!steps.has(next)) steps.set(next, distance + 1);
      }
    }
    return steps;
  }

  #needs(path: string): Set<string> {
    const { statements, mentions } = this.#modules.get(path)!;
    const imports = statements.filter(({ passesOn }) => !passesOn);
    const named = imports.flatMap(({ names, to }) =>
      names!.flatMap(([there]) => this.#wayOf(there, to))
    );
    return new Set([...named, ...mentions.flatMap((to) => this.#allOf(to))]);
  }

  /** The files on a name's way from the one that it is imported from to the one that defines it. */
  #wayOf(name: string, from: string): string[] {
    for (const { names, to } of this.#passedOnBy(from)) {
      const there = names ? names.find(([, here]) => here === name)?.[0] : name;
      if (there === undefined) continue;
      const way = this.#wayOf(there, to);
      if (names || this.#defines(way.at(-1)!, name)) return [from, ...way];
    }
    return [from];
  }

  /** A file and everything that it passes on. */
  #allOf(path: string): string[] {
    return [path, ...this.#passedOnBy(path).flatMap(({ to }) => this.#allOf(to))];
  }

  #passedOnBy(path: string): readonly Statement[] {
    return this.#modules.get(path)?.statements.filter(({ passesOn }) => passesOn) ?? [];
  }

  #defines(path: string, name: string): boolean {
    const definition = new RegExp(
      `^export (\\w+ )*(function\\*?|const|let|class|interface|type) ${name}\\b`,
      "m",
    );
    return definition.test(this.#modules.get(path)?.source ?? "");
  }
}

/** A statement that names what it takes, or that passes on. */
const statement =
  /^(?:import (?=(?:type )?\{)|(export) )(?:type )?(?:\{([^}]*)\}|\*) from "([.@][^"]+)"/gm;

/** The path of a file, a name of this package, or one that deno.json maps. */
const mention =
  /["'`](\.{1,2}\/[^"'`$\s]+\.\w+|(?:src|kernels)\/[\w/]+\.as\.ts|@(?:lowrank|std)\/[\w/]+)\\?["'`]/g;

const config: { name: string; imports: Record<string, string>; exports: Record<string, string> } =
  JSON.parse(sourceText("deno.json"));

/** Paths of what deno.json names. */
const mapped: ReadonlyMap<string, string> = new Map([
  ...Object.entries(config.imports),
  ...Object.entries(config.exports).map(([name, to]) => [join(config.name, name), to] as const),
].map(([name, to]) => [name, join(to)]));

/** The path that a file means by a word; AssemblyScript leaves out `.ts`. */
function resolve(word: string, from: string): string {
  if (!word.startsWith(".")) return mapped.get(word) ?? word;
  return join(dirname(from), word.endsWith(".as") ? `${word}.ts` : word);
}

function readModule(path: string): Module {
  const source = withoutComments(sourceText(path));
  const statements = [...source.matchAll(statement)].map(([, passesOn, names, to]) => ({
    passesOn: passesOn !== undefined,
    names: names?.split(",").filter((part) => part.trim()).map(twoNames),
    to: resolve(to, path),
  }));
  const rest = source.replace(statement, "");
  const mentions = [...rest.matchAll(mention)].map(([, word]) => resolve(word, path));
  return { source, statements, mentions };
}

/** `type a as b` is a there and b here. */
function twoNames(part: string): [there: string, here: string] {
  const [there, here = there] = part.trim().replace(/^type /, "").split(/\s+as\s+/);
  return [there, here];
}
