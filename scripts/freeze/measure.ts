/** Figures of the house: files and lines, modules behind an entry, import times, the largest. @module */

import {
  countedFolders,
  deno,
  entries,
  gitFiles,
  measuredFunctions,
  root,
  rootPath,
} from "./places.ts";
import { readSyntax } from "./syntax.ts";

const isText = /\.(ts|md|wgsl|py|sh|json|html|css|js|ipynb|csv|txt|cff)$/;

const linesOf = (path: string): number => {
  const text = Deno.readTextFileSync(new URL(path, root));
  return text === "" ? 0 : text.trimEnd().split("\n").length;
};

/** Prints them. */
export async function measure(): Promise<void> {
  console.log(await deno(["eval", "console.log(`deno ${Deno.version.deno}`)"]));
  const isOwn = (path: string) => !/^(scripts\/freeze|tests\/freeze)/.test(path);
  const all = gitFiles().filter(isOwn);
  for (const folder of countedFolders) {
    const own = all.filter((path) => path.startsWith(`${folder}/`)),
      code = own.filter((path) => path.endsWith(".ts"));
    const text = own.filter((path) => isText.test(path) && !/\/(golden|results)\//.test(path));
    console.log(
      `${folder}: ${code.length} .ts files, ${
        sum(code)
      } lines; with md, wgsl, json and so on, but no golden data ` +
        `and results, ${text.length} files, ${sum(text)} lines`,
    );
  }
  const syntax = await readSyntax();
  const places: [string, string][] = [
    ["mod.ts", entries["."].replace("./", "")],
    ...measuredFunctions.map((name): [string, string] => [name, syntax.declared[name]]),
    ["./adapt", entries["./adapt"].replace("./", "")],
    ["./formats", entries["./formats"].replace("./", "")],
  ];
  for (const [name, path] of places) {
    console.log(`${name} (${path}): ${await modulesAndTime(path)}`);
  }
  const code = all.filter((path) => path.endsWith(".ts")).map((path) => ({
    path,
    lines: linesOf(path),
  }))
    .sort((a, b) => b.lines - a.lines);
  const largest = code.find(({ path }) => /^(src|experiments|kernels)\//.test(path));
  console.log(
    `largest file of the package: ${largest?.path} ${largest?.lines}; of all: ${code[0].path} ${
      code[0].lines
    }`,
  );
  const over = code.filter(({ lines }) => lines > 700);
  console.log(
    `files over 700 lines: ${over.length}${
      over.map(({ path, lines }) => `\n  ${path} ${lines}`).join("")
    }`,
  );
  const { functions } = syntax,
    package_ = functions.filter(({ path }) => /^(src|experiments|kernels)\//.test(path));
  console.log(
    `functions over 50 lines: ${package_.length} in src, experiments, kernels; ${functions.length} in all`,
  );
  for (const { path, line, name, lines } of functions) {
    console.log(`  ${path}:${line} ${name} ${lines}`);
  }
  const levels = Map.groupBy(all, (path) => path.split("/").slice(0, -1).join("/"));
  const wide = [...levels].filter(([folder, { length }]) =>
    length > 20 && !/golden|results/.test(folder)
  );
  console.log(
    `folders with more than 20 files at one level (golden data and results apart): ${wide.length}`,
  );
  for (const [folder, { length }] of wide) console.log(`  ${folder || "."} ${length}`);
}

const sum = (paths: readonly string[]) => paths.reduce((total, path) => total + linesOf(path), 0);

/** Modules that importing loads: those reached by imports of values, without `import()` and type imports. */
async function modulesAndTime(path: string): Promise<string> {
  const { modules, roots } = JSON.parse(await deno(["info", "--json", path]));
  // deno-lint-ignore no-explicit-any -- the JSON of deno info
  const known = new Map<string, any>(modules.map((one: any) => [one.specifier, one]));
  const ours = (url: string) => url.startsWith(root.href),
    isCode = (url: string) => /\.ts$/.test(url);
  const local = [...known.keys()].filter((url) => ours(url) && isCode(url)).length;
  const loaded = new Set<string>(roots);
  for (const url of loaded) {
    for (const one of known.get(url)?.dependencies ?? []) {
      if (one.code?.specifier && !one.isDynamic && ours(one.code.specifier)) {
        loaded.add(one.code.specifier);
      }
    }
  }
  const codes = [...loaded].filter(isCode).length,
    lines = [...loaded].filter(isCode)
      .reduce((total, url) => total + linesOf(url.slice(root.href.length)), 0);
  const times: number[] = [];
  for (let i = 0; i < 7; i++) times.push(await importTime(path));
  return `${codes} local modules loaded (${lines} lines), ${local} in deno info with import() and types; ` +
    `import ${Math.min(...times).toFixed(0)} ms, process ${
      (await processTime(path)).toFixed(0)
    } ms (minimum of 7)`;
}

async function importTime(path: string): Promise<number> {
  const url = new URL(path, root).href;
  const text =
    `const t = performance.now(); await import("${url}"); console.log(performance.now() - t);`;
  // A file, not deno eval, which would type check nothing but also cache nothing.
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, text);
    const args = ["run", "-A", "--no-check", "--config", `${rootPath}/deno.json`, file];
    return Number(await deno(args));
  } finally {
    await Deno.remove(file);
  }
}

async function processTime(path: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 7; i++) {
    const started = performance.now();
    await deno(["run", "-A", "--no-check", path]);
    times.push(performance.now() - started);
  }
  return Math.min(...times);
}
