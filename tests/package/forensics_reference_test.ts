/** The archived studies of ranks, run once more, beside what the forensic appendix quotes of them. */

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { reproduce } from "../../experiments/frame/reproduce.ts";
import { parseReproduceArgs } from "../../experiments/main.ts";
import { archived } from "../../experiments/registry.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { silently } from "../experiments/silently.ts";
import { markdownRows } from "../support/markdown_rows.ts";
import "../support/open_lapack.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

/** Verdicts of the archived studies, by claim: `verdict: ours`. */
async function archivedVerdicts(): Promise<Map<string, string>> {
  const out = await Deno.makeTempDir(), only = archived.map(({ name }) => name).join();
  try {
    const options = parseReproduceArgs(["--only", only, "--out", out]);
    assert(options !== "help");
    using device = await openCpuDevice();
    await silently(() => reproduce(device, options, new AbortController().signal));
    const { results } = JSON.parse(await Deno.readTextFile(join(out, "partial.json")));
    return new Map(verdictsIn(results));
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

const verdictsIn = (results: { findings: Record<string, string>[] }[]): [string, string][] =>
  results.flatMap(({ findings }) =>
    findings.map(({ claim, ours, verdict }): [string, string] => [claim, `${verdict}: ${ours}`])
  );

Deno.test("verdicts in two spaces are those that the archived studies give", async () => {
  const page = sourceText("docs/teaching/forensic_appendix.md");
  const [, verdicts] = page.split("\n## Verdicts that come out two ways\n");
  const rows = markdownRows(verdicts).slice(1).filter(([question]) => !question.startsWith("-"));
  const found = await archivedVerdicts();
  const expected = Array.from(found).flatMap(([claim, inPaper]) => {
    const [, question] = /^(.*) \(in (?:A|ΔW)\)$/.exec(claim) ?? [];
    return question ? [[question, inPaper, found.get(`${question} (in ΔW·S^½)`)]] : [];
  });
  assert(expected.length > 5);
  assertEquals(rows, expected);
});
