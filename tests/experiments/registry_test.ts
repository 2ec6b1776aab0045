/** The registry beside the folder: an experiment is a file there and a line here. */

import { assertEquals } from "@std/assert";
import { archived, experiments } from "../../experiments/registry.ts";
import { sourceFiles, sourceText } from "../../scripts/support/source_files.ts";

/** The names of a file's experiments. */
const experimentsIn = (source: string): string[] =>
  Array.from(
    source.matchAll(/^export const (\w+)(?:: Experiment)? = (?:\w+E|e)xperiment[<(]/gm),
    ([, name]) => name,
  );

Deno.test("every experiment of the folder is in the registry, once", async () => {
  const known = [...experiments, ...archived];
  const exported = sourceFiles(["experiments"]).flatMap((path) =>
    experimentsIn(sourceText(path)).map((name) => ({ path, name }))
  );
  const found = await Promise.all(exported.map(async ({ path, name }) => {
    const { [name]: value } = await import(`../../${path}`);
    return { path, name, places: known.filter((one) => one === value).length };
  }));
  assertEquals(found.filter(({ places }) => places !== 1), []);
  assertEquals(found.length, known.length);
});

Deno.test("experiments have names of their own, by which --only chooses them", () => {
  const names = [...experiments, ...archived].map(({ name }) => name);
  assertEquals(names.length, new Set(names).size);
});

Deno.test("the reader of files finds both ways to make an experiment, and nothing else", () => {
  const source = "export const one: Experiment = experiment<never, Rows>({\n" +
    "export const two = methodsExperiment({\nexport const experiments = [];\n" +
    "const three = experiment({\nexport function experiment<Chosen>(\n";
  assertEquals(experimentsIn(source), ["one", "two"]);
});
