/** Judgments by times of the same rounds: the interval, and the rules that read it. */

import { assertEquals } from "@std/assert";
import {
  allHold,
  controlText,
  isAtLeast,
  isAtMost,
  onQuietMachine,
  ratioOf,
  ratioText,
} from "../../experiments/frame/clock.ts";
import { Random } from "../../src/core/random.ts";
import {
  type Claim,
  judge,
  type Judgment,
  notQuiet,
  tooFew,
  tooNear,
} from "../../src/paper/claim.ts";
import { isJudged, markHtml, verdictHtml } from "../../src/figures/html.ts";
import { tallies } from "../../experiments/frame/report_words.ts";

const ones = (length: number) => Array.from({ length }, () => 1);

const counting = (length: number) => Array.from({ length }, (_, i) => i + 1);

Deno.test("the interval is the least that misses the median once in 1,000", () => {
  const coins = (n: number) => {
    const row = [2 ** -n];
    for (let i = 1; i <= n; i++) row.push(row[i - 1] * (n - i + 1) / i);
    return row;
  };
  for (let n = 1; n <= 200; n++) {
    const { low, high } = ratioOf(counting(n), ones(n)), chances = coins(n);
    const missed = (k: number) => 2 * chances.slice(0, k).reduce((sum, chance) => sum + chance, 0);
    if (low === undefined) assertEquals([missed(1) > 0.001, high], [true, undefined], `${n}`);
    else {
      assertEquals(low + high!, n + 1); // the k-th least and the k-th largest
      assertEquals([missed(low) <= 0.001, missed(low + 1) > 0.001], [true, true], `${n}`);
    }
  }
  assertEquals(ratioOf(counting(10), ones(10)), { ratio: 5.5 });
  assertEquals(ratioOf(counting(11), ones(11)), { ratio: 6, low: 1, high: 11 });
});

Deno.test("times are compared within rounds, whatever a round takes", () => {
  const rounds = counting(15).map((round) => 1.5 ** round);
  const found = ratioOf(rounds.map((time) => 2 * time), rounds);
  assertEquals(found, { ratio: 2, low: 2, high: 2 });
});

Deno.test("one round that was disturbed moves neither end of 15", () => {
  const disturbed = [...ones(13), 9, 1 / 9];
  assertEquals(ratioOf(disturbed, ones(15)), { ratio: 1, low: 1, high: 1 });
});

/** The judgment of 25 rounds in which B takes `truth` times as long as A, and A again is the control. */
function simulated(truth: number, noise: number, random: Random): Judgment {
  const times = (mean: number, pace: number[]) =>
    pace.map((one) => one * mean * Math.exp(noise * Math.abs(random.normal()) ** 2));
  const pace = Array.from({ length: 25 }, () => 1 + random.uniform()); // A round's own.
  const [a, b, again] = [1, truth, 1].map((mean) => times(mean, pace));
  return onQuietMachine([ratioOf(again, a)], 0.1, () => isAtMost(ratioOf(b, a), 1.3, 0.1));
}

Deno.test("a quiet run and a disturbed one never contradict each other, nor the truth", () => {
  const random = new Random(1), judged = { quiet: 0, disturbed: 0 };
  for (const truth of [1.1, 1.25, 1.29, 1.31, 1.36, 1.5]) {
    for (let run = 0; run < 200; run++) {
      for (const [name, noise] of [["quiet", 0.01], ["disturbed", 0.5]] as const) {
        const found = simulated(truth, noise, random);
        if (typeof found === "string") continue;
        judged[name]++;
        assertEquals(found, truth < 1.3, `${truth}, ${name}`);
      }
    }
  }
  assertEquals(judged, { quiet: 400, disturbed: 0 }); // At 1.1 and 1.5, the two that are clear of 1.3.
});

const between = (low: number, high: number) => ({ ratio: (low + high) / 2, low, high });

Deno.test("a rule holds or fails where the interval is clear of its mark, and else cannot tell", () => {
  const most = (low: number, high: number) => isAtMost(between(low, high), 2, 0.1);
  assertEquals([most(1, 1.81), most(1, 1.82), most(2.2, 9), most(2.21, 9)], [
    ...[true, tooNear, tooNear, false],
  ]);
  const least = (low: number, high: number) => isAtLeast(between(low, high), 2, 0.1);
  assertEquals([least(2.21, 9), least(2.19, 9), least(1, 1.82), least(1, 1.81)], [
    ...[true, tooNear, tooNear, false],
  ]);
  assertEquals([isAtMost({ ratio: 1 }, 2, 0), isAtLeast({ ratio: 3 }, 2, 0)], [tooNear, tooNear]);
});

Deno.test("nothing is judged where a control leaves its share, or has no interval", () => {
  const judged = (...controls: Parameters<typeof ratioText>) =>
    onQuietMachine(controls, 0.1, () => true);
  assertEquals(judged(between(0.91, 1.09)), true);
  for (const off of [between(0.9, 1), between(1, 1.11)]) assertEquals(judged(off), notQuiet);
  assertEquals(onQuietMachine([between(0.9, 1), { ratio: 1 }], 0.1, () => true), tooFew);
  assertEquals(onQuietMachine([between(1, 1), between(1, 1.2)], 0.1, () => false), notQuiet);
  assertEquals(
    controlText([between(1, 1), between(0.5, 1), between(1, 1.2)]),
    "The control took 0.75 (0.50 to 1.00) times as long.",
  );
  assertEquals(ratioText({ ratio: 1 }), "1.00 (no interval)");
});

Deno.test("of several conditions one that fails decides, then one that cannot tell", () => {
  assertEquals(allHold([true, true]), true);
  assertEquals(allHold([true, tooNear, true]), tooNear);
  assertEquals(allHold([notQuiet, tooNear, false]), false);
  assertEquals(allHold([]), true);
});

Deno.test("a claim that times cannot judge has a verdict of its own, and counts for neither side", () => {
  for (const verdict of [notQuiet, tooNear, tooFew] as const) {
    const claim: Claim<number> = {
      ...{ text: "It is fast", rule: "when it is", why: "A guess.", note: "Weak." },
      ours: () => "1",
      holds: () => verdict,
    };
    const finding = judge({ ...claim, scale: true }, 0, false);
    assertEquals([finding.verdict, finding.note, isJudged(finding.verdict)], [
      verdict,
      "Weak.",
      false,
    ]);
    assertEquals(judge({ ...claim, beyond: true }, 0, false).verdict, verdict);
    assertEquals(judge({ ...claim, scale: true }, 0, true).verdict, "not judged (quick run)");
    assertEquals(verdictHtml(verdict), `<span class="verdict none">${verdict}</span>`);
    assertEquals(markHtml(verdict, 2).endsWith(">–2</span>"), true);
    const findings = [finding, { ...finding, verdict: "reproduced" }];
    const section = { findings, id: "a", title: "", question: "", source: "", settings: "" };
    const report = { sections: [{ ...section, tables: [], figures: [] }], title: "", facts: [] };
    assertEquals(tallies(report), [
      `the paper's claims, 1 judged: ${verdict}: 1 (a); reproduced: 1`,
    ]);
  }
});
