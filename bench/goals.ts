/** Goals of the rows, and the test if they are met: thresholds written before any run. @module */

import type { Row, Summary } from "./summary.ts";

/** One demand and what was found, in least times of steps; where it says nothing else, waited for one by one. */
export interface Goal {
  readonly demand: string;
  /** A figure a case; those that were not measured are missing. */
  readonly figures: readonly {
    readonly name: string;
    readonly value: number;
    readonly met: boolean;
  }[];
  /** Figures that the demand is about. */
  readonly wanted: number;
}

/** At least `least`, or at most `most`. */
type Bound = { readonly least: number } | { readonly most: number };

const keeps = (value: number, bound: Bound) =>
  "least" in bound ? value >= bound.least : value <= bound.most;

const products = (extent: number) =>
  ["NT", "NN", "TN"].map((layout) => `matmul ${extent} ${layout}`);
const gpts = ["gpt_full", "gpt_lora"], layer = ["lora_linear"];
const plain = "ours cpu", blas = "ours cpu blas", webgpu = "ours webgpu";

/** The time of one by that of the other, case by case. */
interface Race {
  readonly number: number;
  readonly above: string;
  readonly below: string;
  readonly cases: readonly string[];
  readonly bound: Bound;
}

const race = (
  number: number,
  above: string,
  below: string,
  cases: string[],
  bound: Bound,
): Race => ({
  ...{ number, above, below, cases, bound },
});

const races: Race[] = [
  race(1, "jax wasm", plain, products(1024), { least: 1.5 }),
  race(1, "tfjs wasm", plain, products(1024), { least: 2 }),
  race(1, "jax wasm", plain, layer, { least: 2 }),
  race(1, "jax wasm", plain, gpts, { least: 5 }),
  race(1, "tfjs wasm", plain, gpts, { least: 4 }),
  race(2, "jax wasm", blas, products(1024), { least: 4 }),
  race(2, "torch", blas, products(1024), { least: 0.9 }),
  race(2, "torch", blas, gpts, { least: 1.8 }),
  race(2, "torch", blas, layer, { least: 1.5 }),
  race(2, "torch", blas, ["pretrain"], { least: 1.4 }),
  race(2, "torch", blas, ["generate"], { least: 3 }),
  ...["jax webgpu", "tfjs webgpu"].map((peer) =>
    race(3, peer, webgpu, [...products(1024), ...layer, ...gpts], { least: 3 })
  ),
  race(5, "ours cpu 1 thread", plain, [...products(512), ...products(1024)], { least: 1.8 }),
];

function demandOf({ number, above, below, bound }: Race): string {
  const limit = "least" in bound ? `at least ${bound.least}` : `at most ${bound.most}`;
  return `${number}. ${above} by ${below}, ${limit}`;
}

/** A time in which another number was made is no time of this case. */
function rowOf({ rows }: Summary, name: string, contender: string): Row | undefined {
  return rows.find((row) => row.case === name && row.contender === contender && row.same);
}

function goal(
  text: string,
  bound: Bound,
  found: readonly (readonly [string, number | undefined])[],
) {
  const figures = found.flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value, met: keeps(value, bound) }]
  );
  return { demand: text, figures, wanted: found.length };
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

function raceGoals(summary: Summary): Goal[] {
  const least = (name: string, who: string) => rowOf(summary, name, who)?.each.min;
  return races.map((race) => {
    const { above, below, cases, bound } = race;
    const ratios = cases.map((name) =>
      [name, quotient(least(name, above), least(name, below))] as const
    );
    return goal(demandOf(race), bound, ratios);
  });
}

/**
 * By blocks of ten, because to wait for each step on WebGPU takes twice as long as the step. A merged layer
 * is the frozen one again: its noise is how far the frozen one's median is from its least.
 */
function lowRankGoals(summary: Summary): Goal[] {
  const of = (name: string, who: string) => rowOf(summary, `low_rank ${name}`, who)?.ten;
  const adapted = (who: string) => quotient(of("adapted", who)?.min, of("frozen", who)?.min);
  const merged = (who: string) => {
    const frozen = of("frozen", who), again = of("frozen again", who);
    if (!frozen || !again) return undefined;
    return Math.abs(again.min - frozen.min) / (frozen.median - frozen.min);
  };
  return [
    goal("4. low-rank forward by the frozen product, every ten, cpu, at most 1.1", { most: 1.1 }, [
      ...[plain, blas].map((who) => [who, adapted(who)] as const),
    ]),
    goal("4. the same, webgpu, at most 1.05", { most: 1.05 }, [[webgpu, adapted(webgpu)]]),
    goal("4. merged from base, at most the noise (frozen median less least)", { most: 1 }, [
      ...[plain, blas, webgpu].map((who) => [who, merged(who)] as const),
    ]),
  ];
}

function startUpGoals({ startUp }: Summary): Goal[] {
  const loss = (variant: string) =>
    startUp?.firstCalls?.find((call) => call.variant === variant && call.what === "loss")?.totalMs;
  const more = startUp && startUp.importMs - startUp.emptyMs;
  return [
    goal("6. import of mod.ts, ms more than nothing, at most 150", { most: 150 }, [[
      "mod.ts",
      more,
    ]]),
    goal("6. first loss of the tiny GPT in a fresh process, ms, at most 1000", { most: 1000 }, [
      ...["cpu", "blas"].map((variant) => [variant, loss(variant)] as const),
    ]),
    goal("6. the same from a cold shader cache, ms, at most 5000", { most: 5000 }, [
      ["webgpu", loss("webgpu")],
    ]),
  ];
}

/** All demands in their order. */
export function goalsOf(summary: Summary): Goal[] {
  const goals = [...raceGoals(summary), ...lowRankGoals(summary), ...startUpGoals(summary)];
  return goals.sort((a, b) => parseInt(a.demand) - parseInt(b.demand));
}
