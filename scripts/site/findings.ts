/**
 * Writes `docs/findings.md` from what the main job found: `deno task reproduce`, then
 * `deno task docs:findings`.
 *
 * @module
 */

import type { Finding } from "../../experiments/frame/mod.ts";
import { words } from "../../experiments/frame/report_words.ts";

/** The part of `results.json` that the page shows. */
export interface Results {
  readonly facts: Readonly<Record<string, string>>;
  readonly results: readonly { readonly findings: readonly Finding[] }[];
}

const intro = `# Findings

\`deno task reproduce\` checks the paper's claims and writes the report \`results/index.html\`. This page
has its verdicts. The report shows each rule beside the numbers, with figures and the settings. Rules
were written before the run; those corrected after one are named below the tables.

${words.verdicts.map(([verdict, meaning]) => `- **${verdict}**: ${meaning}.`).join("\n")}

Losses are in nats per token: lower is better, and a difference of 0.1 makes the correct next token
10% more likely. r is the rank. φ is the share that two sets of directions have in common: 0 for none,
1 for all. "In A" and "in ΔW" say where the directions are taken from. "In ΔW·S^½" is the inputs' metric:
there a change counts by what it does to the inputs that the layer really gets, not by its size alone.
For other symbols, see [Notation](notation.md).
`;

/** The page as Markdown. */
export function findingsPage({ facts, results }: Results): string {
  const findings = results.flatMap(({ findings }) => findings);
  const { device, seeds, made } = facts;
  return [
    intro,
    `Made ${made}, on ${device}; seeds: ${seeds}.`,
    section("The paper's claims", findings.filter(({ beyond }) => !beyond), true),
    section("Beyond the paper", findings.filter(({ beyond }) => beyond), false),
  ].join("\n");
}

function section(title: string, findings: readonly Finding[], isPrinted: boolean): string {
  const columns = isPrinted
    ? ["claim", "printed", "ours", "verdict"]
    : ["claim", "ours", "verdict"];
  const rows = findings.map(({ claim, printed = "–", ours, found, verdict }) => [
    claim,
    ...(isPrinted ? [printed] : []),
    ours ?? found,
    verdict,
  ]);
  const cells = [columns, columns.map(() => "---"), ...rows].map(line);
  const notes = findings.flatMap(({ claim, note, corrected }) => {
    const rule = corrected && `The rule was corrected: ${corrected}.`;
    const said = [note, rule].filter((one) => one).join(" ");
    return said ? [`- **${claim}**: ${said}`] : [];
  });
  const below = notes.length > 0 ? `\nWhy, and how much it says:\n\n${notes.join("\n")}\n` : "";
  return `\n## ${title}\n\n${cells.join("\n")}\n${below}`;
}

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s+/g, " ")).join(" | ")} |`;

if (import.meta.main) {
  const [path = "results/results.json"] = Deno.args, page = "docs/findings.md";
  await Deno.writeTextFile(page, findingsPage(JSON.parse(await Deno.readTextFile(path))));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", page] }).spawn().status;
}
