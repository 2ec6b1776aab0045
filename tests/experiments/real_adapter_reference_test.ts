import { assertAlmostEquals } from "@std/assert";
import { findAuthors, readAuthors } from "../../experiments/real_adapter.ts";

const file = await findAuthors();

Deno.test({
  name: "the authors' adapter: stable ranks and the steepest spectrum as numpy found them",
  ignore: file === undefined,
  fn: async () => {
    const modules = await readAuthors(file!);
    const mean = (site: string) => {
      const own = modules.filter((module) => module.site === site);
      return own.reduce((sum, { spectrum }) => sum + spectrum.stableRank, 0) / own.length;
    };
    assertAlmostEquals(mean("query"), 1.98, 0.005);
    assertAlmostEquals(mean("value"), 2.72, 0.005);
    const query = modules.find(({ site, layer }) => site === "query" && layer === 11)!.spectrum;
    assertAlmostEquals(query.singularValues[0], 12.73, 0.005);
    assertAlmostEquals(query.singularValues[1], 1.05, 0.005);
  },
});
