/** From answers to rows. @module */

import { standardDeviation } from "../../../src/core/numbers.ts";
import { Random } from "../../../src/core/random.ts";
import { type E2eMeaning, type ReferencedOutput, wordNetSynonyms } from "../../../src/data/mod.ts";
import type { Device } from "../../../src/device/device.ts";
import { evaluate } from "../../../src/train/mod.ts";
import type { MadeRun } from "../../frame/mod.ts";
import { bleu, scoreTexts, textMetrics } from "../../text_metrics/mod.ts";
import { baselineRow, type ChosenMethod, methodRow } from "../comparison.ts";
import { lora } from "./methods.ts";
import type { E2eRow } from "./rows.ts";
import { answersOf, openBase } from "./runs.ts";
import { type E2eTask, splitSeed } from "./task.ts";

/** Answers with their references. */
export type Texts = readonly ReferencedOutput[];

/** Scores of texts. */
export type Scores = Pick<E2eRow, "value" | "nist" | "meteor" | "rougeL" | "cider">;

/** The rows of what is not trained, and of all runs. */
export async function rowsOf(
  made: readonly MadeRun<ChosenMethod>[],
  task: E2eTask,
  device: Device,
): Promise<E2eRow[]> {
  const meanings = await task.meanings("test"), scoresOf = await scorer();
  const textsOf = (answers: readonly string[]): Texts =>
    meanings.map(({ references }, i) => ({ output: answers[i], references }));
  const untrained = (key: string, label: string, answers: readonly string[]): E2eRow => {
    const scores = scoresOf(textsOf(answers));
    return { ...baselineRow({ key, label, size: "none", value: scores.value }), ...scores };
  };
  const runs = made.map((run) => ({ run, texts: textsOf(run.metrics.answers as string[]) }));
  const base = await baseOf(task, device);
  return [
    { ...untrained("base", "the base, not trained", base.answers), loss: base.loss },
    untrained("values", "the values of the meaning", meanings.map(valuesOf)),
    ...runs.map(({ run, texts }): E2eRow => {
      const scores = scoresOf(texts), { seed } = run.chosen;
      const other = runs.find(({ run: { chosen } }) =>
        chosen.method.key === lora && chosen.seed === seed
      );
      return {
        ...{ ...methodRow(run, scores.value), ...scores, loss: run.metrics.loss as number },
        ...other && other.run !== run && { choice: choiceNoise(texts, other.texts) },
      };
    }),
  ];
}

/** Scores texts; BLEU, METEOR and ROUGE-L in percent. */
export async function scorer(): Promise<(texts: Texts) => Scores> {
  const tables = { synonyms: await wordNetSynonyms() };
  return (texts: Texts) => {
    const { bleu, nist, meteorWithoutParaphrases, rougeL, cider } = scoreTexts(
      texts,
      textMetrics,
      tables,
    );
    const meteor = 100 * meteorWithoutParaphrases!;
    return { value: 100 * bleu, nist, meteor, rougeL: 100 * rougeL, cider };
  };
}

async function baseOf(task: E2eTask, device: Device) {
  using base = await openBase(device, task);
  const { loss } = await evaluate(base, await task.measured("test"));
  return { loss, answers: await answersOf(base, task) };
}

/** `Blue Spice, pub, riverside.` of `name[Blue Spice], eatType[pub], area[riverside]`. */
export const valuesOf = ({ meaning }: Pick<E2eMeaning, "meaning">): string =>
  Array.from(meaning.matchAll(/\[(.*?)\]/g), ([, value]) => value).join(", ") + ".";

/** Draws of the meanings. */
const draws = 200;

/** The standard deviation of the difference of two BLEU, in percent, over draws of the same meanings with replacement. */
export function choiceNoise(one: Texts, other: Texts): number {
  const random = new Random(splitSeed);
  const differences = Array.from({ length: draws }, () => {
    const drawn = one.map(() => random.integer(one.length));
    const [own, others] = [one, other].map((texts) => bleu(drawn.map((at) => texts[at])));
    return 100 * (own - others);
  });
  return standardDeviation(differences);
}
