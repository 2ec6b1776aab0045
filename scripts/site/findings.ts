/**
 * Writes `docs/findings.md`, and the README's counts, from what the main job found: `deno task reproduce`, then
 * `deno task docs:findings`.
 *
 * @module
 */

import type { Finding } from "../../experiments/frame/mod.ts";
import { messageOf } from "../../experiments/frame/message.ts";
import { words } from "../../experiments/frame/report_words.ts";
import { isJudged, symbolsText } from "../../src/figures/html.ts";
import type { Verdict } from "../../src/paper/claim.ts";

/** The part of `results.json` that the page shows. */
export interface Results {
  readonly facts: Readonly<Record<string, string>>;
  readonly results: readonly ExperimentResult[];
}

interface ExperimentResult {
  readonly title: string;
  readonly settings: string;
  readonly findings: readonly Finding[];
}

const intro =
  `\`deno task reproduce\` checks the paper's claims and writes the report \`results/index.html\`, with
figures and tables. This page has its verdicts, each with its rule. Rules were written before the run;
those that were corrected or added after one say so.

${words.verdicts.map(([verdict, meaning]) => `- **${verdict}**: ${meaning}.`).join("\n")}

Losses are in nats per token: lower is better, and a difference of 0.1 makes the correct next token
10% more likely. "Quoted" are figures of an earlier run with \`--full\`, which is named. The noise floor
is what two means may differ by from one choice of seeds to another. "Beyond the mark by x ± y" says how
far a rule is missed and how well that is known, "within the mark" how far it is kept. r is the rank. φ is the share that
two sets of directions have in common: 0 for none, 1 for all. "In A" and "in ΔW" say where the
directions are taken from. "In ΔW·S<sup>½</sup>" is the inputs' metric: there a change counts by what it does to
the inputs that the layer really gets, not by its size alone. Adapters H, L, P and D are those of
Houlsby, Lin, Pfeiffer and AdapterDrop. For other symbols, see [Notation](notation.md).
`;

/** The page as Markdown. */
export function findingsPage({ facts, results }: Results): string {
  const { device, seeds, made } = facts;
  const message = messageOf(results.flatMap(({ findings }) => findings));
  return [
    `# Findings\n${message === undefined ? "" : `\n${message}\n`}`,
    intro,
    `Made ${made}, on ${device}; seeds: ${seeds}.`,
    section("The paper's claims", pick(results, ({ beyond }) => !beyond), true),
    section("Beyond the paper", pick(results, ({ beyond }) => Boolean(beyond)), false),
  ].join("\n");
}

/** Experiments that have such findings, with these alone. */
const pick = (results: Results["results"], isWanted: (finding: Finding) => boolean) =>
  results.map((one) => ({ ...one, findings: one.findings.filter(isWanted) }))
    .filter(({ findings }) => findings.length > 0);

function section(title: string, results: Results["results"], isPrinted: boolean): string {
  const parts = results.map(({ title, settings, findings }) =>
    [`### ${title}`, plain(settings), table(findings, isPrinted), notes(findings)].join("\n\n")
  );
  return [`\n## ${title}`, countsOf(results), ...parts].join("\n\n") + "\n";
}

/** `48 claims, 46 judged; reproduced: 20, differs: 26. Not counted: not judged: too near the mark: 2.`. */
function countsOf(results: Results["results"]): string {
  const all = results.flatMap(({ findings }) => findings);
  const judged = all.filter(({ verdict }) => isJudged(verdict));
  const counted = (own: readonly Finding[]) =>
    [...Map.groupBy(own, ({ verdict }) => verdict)]
      .map(([verdict, { length }]) => `${verdict}: ${length}`).join(", ");
  const apart = all.length > judged.length
    ? ` Not counted: ${counted(all.filter((one) => !judged.includes(one)))}.`
    : "";
  return `${all.length} claims, ${judged.length} judged; ${counted(judged)}.${apart}`;
}

function table(findings: readonly Finding[], isPrinted: boolean): string {
  const columns = isPrinted
    ? ["claim", "printed", "ours", "verdict"]
    : ["claim", "ours", "verdict"];
  const rows = findings.map(({ claim, printed = "–", ours, verdict }) => [
    plain(claim),
    ...(isPrinted ? [plain(printed)] : []),
    plain(ours),
    verdict,
  ]);
  return [columns, columns.map(() => "---"), ...rows].map(line).join("\n");
}

/** The README's sentence on the paper's claims; "not reproduced" only where a claim has that verdict. */
export function paperCounts({ results }: Pick<Results, "results">): string {
  const all = pick(results, ({ beyond }) => !beyond).flatMap(({ findings }) => findings);
  const of = (verdict: Verdict) => all.filter((one) => one.verdict === verdict).length;
  const judged = all.filter(({ verdict }) => isJudged(verdict)).length,
    never = of("not reproduced");
  return `Of ${all.length} claims of the paper, ${judged} were judged: ${
    of("reproduced")
  } were reproduced, ${
    never > 0 ? `${never} ${never === 1 ? "was" : "were"} not reproduced, ` : ""
  }${of("not reproduced at this scale")} were not reproduced at this scale, and ${
    of("differs")
  } differ,`;
}

/** The README with these counts. */
export const withCounts = (readme: string, counts: string): string =>
  readme.replace(/Of \d+ claims of the paper,[^:]*:[^:]* differ,/, () => counts);

const notes = (findings: readonly Finding[]): string =>
  findings.map(({ claim, found, note, rule, corrected }) => {
    const said = [found, note].filter((one) => one).join(" ");
    const changed = corrected && ` (corrected after a run: ${corrected})`;
    return `- **${plain(claim)}**: ${plain(`${said} Rule${changed ?? ""}: ${rule}.`.trim())}`;
  }).join("\n");

/** Text that Markdown shows as it is, with indices below and exponents above the line. */
const plain = (text: string): string =>
  symbolsText(text.replaceAll(/[*<\[\]]/g, "\\$&")).replaceAll("_", "\\_").replaceAll(/\s+/g, " ");

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

if (import.meta.main) {
  const [path = "results/results.json"] = Deno.args,
    page = "docs/findings.md",
    readme = "README.md";
  const results: Results = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(page, findingsPage(results));
  const text = await Deno.readTextFile(readme);
  await Deno.writeTextFile(readme, withCounts(text, paperCounts(results)));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", page, readme] }).spawn()
    .status;
}
