/** The architecture as tests: who may import whom, who may say what, and how long a file gets. */

import { assertEquals } from "@std/assert";
import {
  allowedBelow,
  circles,
  layerOf,
  type LayerTable,
  layerViolations,
  packageImports,
  unknownLayer,
} from "../scripts/support/layers.ts";
import {
  packageRoots,
  sourceFiles,
  sourceText,
  withoutComments,
} from "../scripts/support/source_files.ts";

/** A layer may import what its row names and, transitively, what stands below that. */
const layers: LayerTable = {
  core: [],
  storage: ["core"],
  patterns: ["core"],
  terminal: ["core"],
  blas: ["storage"],
  linalg: ["core", "blas"],
  analysis: ["linalg"],
  architectures: ["storage", "patterns"],
  kernels: ["core"],
  device: ["kernels", "blas"],
  autograd: ["device", "quant"],
  nn: ["autograd"],
  tokenizer: ["storage", "patterns"],
  quant: ["core"],
  formats: ["quant", "storage", "patterns"],
  models: ["nn", "formats", "tokenizer", "architectures"],
  methods: ["architectures"],
  adapt: ["models", "formats", "analysis", "methods"],
  train: ["autograd", "formats"],
  data: ["tokenizer", "linalg"],
  runs: ["train", "adapt"], // docs/decisions/0003
  accounting: ["methods"],
  paper: ["accounting", "report"],
  figures: ["storage"],
  report: ["figures", "terminal"],
  inspect: ["analysis", "figures", "models", "terminal"],
  lesson: ["adapt", "train", "figures"],
  experiments: ["adapt", "runs", "inspect", "paper", "report", "data"],
  notebook: ["experiments"],
  mod: ["adapt", "train", "data"],
  serve: ["adapt", "terminal"],
  cli: ["experiments", "serve"],
};

Deno.test("imports go one way only", async () => {
  assertEquals(layerViolations(await packageImports(), layers), []);
});

Deno.test("nothing outside of tests/ imports from it", () => {
  const importsTests = /(?:from|import\()\s*"[^"]*\/tests\//;
  const files = sourceFiles([
    "scripts",
    "bench",
    "slides",
    "playground",
    "examples",
    ...packageRoots,
  ]);
  assertEquals(files.filter((path) => importsTests.test(sourceText(path))), []);
  assertEquals(importsTests.test('import { a } from "../../tests/support/a.ts";'), true);
});

Deno.test("no file imports itself around a circle, types included", async () => {
  assertEquals(circles(await packageImports()), []);
  const pair = [{ from: "a.ts", to: "b.ts" }, { from: "b.ts", to: "a.ts" }];
  assertEquals(circles([...pair, { from: "b.ts", to: "c.ts" }]), [["a.ts", "b.ts"]]);
});

Deno.test("every source file is in a layer of the table", () => {
  const strays = sourceFiles().filter((path) => !Object.hasOwn(layers, layerOf(path)));
  assertEquals(strays.map(unknownLayer), []);
});

Deno.test("no layer stands on itself", () => {
  const cyclic = Object.keys(layers).filter((layer) =>
    layers[layer].some((below) => allowedBelow(layers, below).has(layer))
  );
  assertEquals(cyclic, []);
});

Deno.test("the checker finds an upward, a sideways and an unknown import, and no others", () => {
  const table = { low: [], middle: ["low"], side: ["low"], kernels: ["middle"], mod: ["kernels"] };
  const found = layerViolations([
    { from: "mod.ts", to: "src/low/a.ts" },
    { from: "src/middle/a.ts", to: "src/middle/deep/b.ts" },
    { from: "src/middle/a.ts", to: "src/side/b.ts" },
    { from: "src/low/a.ts", to: "kernels/matmul/kernel.ts" },
    { from: "src/low/a.ts", to: "src/new/b.ts" },
    { from: "kernels/kernel.ts", to: "tests/support/a.ts" },
  ], table);
  assertEquals(found, [
    "src/middle/a.ts imports src/side/b.ts: middle must not know side",
    "src/low/a.ts imports kernels/matmul/kernel.ts: low must not know kernels",
    unknownLayer("src/new/b.ts"),
    unknownLayer("tests/support/a.ts"),
  ]);
});

/** The files of which the code, comments apart, matches. */
const saying = (pattern: RegExp, files: readonly string[]): string[] =>
  files.filter((path) => pattern.test(withoutComments(sourceText(path))));

Deno.test("only device/ and blas/ say GPUDevice, WebAssembly or Deno.dlopen", () => {
  const others = sourceFiles().filter((path) => !/^src\/(device|blas)\//.test(path));
  assertEquals(saying(/\bGPU[A-Z]\w+|\bWebAssembly\b|\bDeno\.dlopen\b/, others), []);
});

/** Deno's functions and types of files, each also with `Sync`. */
const fileApis =
  "chmod|chown|copyFile|create|cwd|errors|FsFile|link|lstat|makeTempDir|makeTempFile|mkdir|" +
  "open|readDir|readFile|readLink|readTextFile|realPath|remove|rename|SeekMode|stat|symlink|truncate|" +
  "umask|utime|watchFs|writeFile|writeTextFile";

Deno.test("only storage/ opens files", () => {
  const others = sourceFiles().filter((path) => !/^src\/storage\//.test(path));
  const files = new RegExp(`\\bDeno\\.(${fileApis})(Sync)?\\b|"node:fs|"npm:fs`);
  assertEquals(saying(files, others), []);
});

Deno.test("only two places run a text as code, and both texts are ours", () => {
  // Plotly's source, from its package; the workers' program.
  const places = ["src/device/cpu/worker_pool.ts", "src/figures/still.ts"];
  const evaluated = /\bnew Function\b|\beval\b|\bFunction\(|\bimport\((?!["`])|node:vm/;
  assertEquals(saying(evaluated, sourceFiles()), places);
});

Deno.test("nothing reads Math.random", () => {
  const all = [
    "src",
    "kernels",
    "experiments",
    "mod.ts",
    "cli.ts",
    "examples",
    "bench",
    "scripts",
    "playground",
    "slides",
  ];
  assertEquals(saying(/\bMath\s*\.\s*random\b/, sourceFiles(all)), []);
});

Deno.test("only the reference tier asks for Python's packages", () => {
  const others = sourceFiles(["tests"])
    .filter((path) => path.endsWith("_test.ts") && !path.endsWith("_reference_test.ts"));
  assertEquals(saying(/\bpythonHas\(/, others), []);
});

Deno.test("a comment may say what code must not", () => {
  const source = 'fetch("http://a"); // WebAssembly\n/* GPUDevice */ const a = "/*";';
  assertEquals(withoutComments(source), 'fetch("http://a");  \n  const a = "/*";');
});

/** Most lines of a file: what a reader still holds as one concept. */
const mostLines = 700;

/** Most lines between the braces of a function. */
const mostBodyLines = 50;

/** Most files at one level of a folder. */
const mostFiles = 20;

Deno.test("no file of src/, kernels/ and experiments/ is longer than 700 lines", () => {
  const long = sourceFiles(["src", "kernels", "experiments"])
    .map((path) => ({ path, lines: sourceText(path).trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > mostLines);
  assertEquals(long, []);
});

/** Functions, by their first line, and how many lines they have between their braces. */
function* bodiesOf(source: string): Generator<[head: string, lines: number]> {
  const open: [head: string, end: string, start: number][] = [], lines = source.split("\n");
  for (const [at, line] of lines.entries()) {
    const [indent] = /^ */.exec(line)!, last = open.at(-1);
    if (last && line.startsWith(last[1])) yield [last[0], at - open.pop()![2] - 1];
    if (/(\)|=>).*(?<!\$)[{[]$/.test(line) && !/\b(if|for|while|switch|catch)\b|@/.test(line)) {
      open.push([line.trim(), `${indent}${line.endsWith("[") ? "]" : "}"}`, at]);
    }
  }
}

Deno.test("no function of src/, kernels/ and experiments/ has more than 50 lines", () => {
  const long = sourceFiles(["src", "kernels", "experiments"]).flatMap((path) =>
    [...bodiesOf(sourceText(path))].filter(([, lines]) => lines > mostBodyLines)
      .map(([head, lines]) => `${path}: ${head} (${lines})`)
  );
  assertEquals(long, []);
  const planted = `function f(\n  a: number,\n): void {\n${"  g();\n".repeat(51)}}\n`;
  assertEquals([...bodiesOf(planted)], [["): void {", 51]]);
});

Deno.test("no folder of src/ has more than 20 files at one level", () => {
  const folders = Map.groupBy(sourceFiles(["src"]), (path) => path.slice(0, path.lastIndexOf("/")));
  const full = [...folders].map(([folder, files]) => ({ folder, files: files.length }))
    .filter(({ files }) => files > mostFiles);
  assertEquals(full, []);
});
