/** The guided path: eight stops, each with its settings. @module */

import { type LessonSettings, lessonSettings } from "../src/lesson/lesson.ts";

/** A stop. */
export interface Stop {
  readonly title: string;
  /** The reader's task and the question to predict. */
  readonly text: string;
  /** Two predictions, and the place of the right one. */
  readonly options: readonly [string, string];
  readonly right: 0 | 1;
  /** The result and its reason: folded, so that readers can predict. */
  readonly answer: string;
  /** Differences from the first settings. */
  readonly settings: Partial<LessonSettings>;
  /** Handles that the answer asks the reader to move. */
  readonly moves?: readonly (keyof LessonSettings)[];
  /** Steps that are taken before the reader comes. */
  readonly steps?: number;
}

const plane = lessonSettings({ width: 2 });

/**
 * Steps after which a run at a stop pauses: its question is answered by then. Much later (from step 590 on in full
 * fine-tuning at the first rate) AdamW has forgotten the large gradients that it divides by, so that its steps are too
 * long, and losses jump from rounding up to 1e-4: true, and no stop's question.
 */
export const stepsOfStop = 300;

/** True if a run at a stop has come to the end of {@link stepsOfStop} within its last `last` steps. */
export const isAnswered = (stop: number, steps: number, last: number): boolean =>
  stop > 0 && steps >= stepsOfStop && steps - last < stepsOfStop;

/** The stops, in their order. */
export const stops: readonly Stop[] = [
  {
    title: "From a circle to an ellipse",
    text:
      "W₀ turns the unit circle into the gray ellipse; the dashed ellipse is wanted. Predict: in how " +
      "many directions will the points of the blue ellipse move? Press Start.",
    options: ["in one", "in two"],
    right: 0,
    answer:
      "In one. B·A of rank 1 reads its inputs along one arrow and writes along the other, and that " +
      "suffices: D, the change that is wanted, has rank 1 too.",
    settings: plane,
  },
  {
    title: "Both at zero",
    text:
      "Here A and B both begin at zero, so that training begins exactly at W₀. Predict how the loss " +
      "falls: quickly, slowly, or not at all? Press Start.",
    options: ["it falls", "not at all"],
    right: 1,
    answer:
      "Not at all. The gradient of each factor contains the other one, so neither can move. Choose " +
      "“B = 0, A uniform” instead: training begins exactly at W₀ again, and it moves.",
    settings: { ...plane, start: "zero" },
    moves: ["start"],
  },
  {
    title: "Four values to learn",
    text:
      "Now D is 16 × 16 and of rank 4: each of its singular values is half the one before. Predict: " +
      "are they learned together, or one after the other? Press Start and watch them rise; “One " +
      "step” is slower.",
    options: ["together", "one after the other"],
    right: 1,
    answer: "The largest direction is learned first, the smallest last.",
    settings: {},
  },
  {
    title: "Too small a rank",
    text:
      "D, the change that is wanted, has rank 4: four singular values. B has r = 2 columns and A 2 " +
      "rows: B·A has rank 2, and “best of r” is the least loss that it can reach. Predict: which " +
      "part of D is left out? And does full fine-tuning stop at that line too? Press Start.",
    options: ["its two smaller values", "a share of all four"],
    right: 0,
    answer:
      "r is how many directions the update can have: it takes the two larger values of D and leaves " +
      "the two smaller ones out, as no matrix of rank 2 fits better. Full fine-tuning, in orange, has " +
      "no such limit and goes below the line. Move r and press Start: more columns, less left.",
    settings: { rank: 2, alpha: 2 },
    moves: ["rank"],
  },
  {
    title: "A larger rank than needed",
    text:
      "At rank 16 the product can be any matrix, and B and A hold twice as many values as W₀. " +
      "Predict: how many singular values will it learn? Press Start.",
    options: ["four", "all sixteen"],
    right: 0,
    answer:
      "It learns the same four values; the others rise a little on the way and go back to zero.",
    settings: { rank: 16, alpha: 16 },
  },
  {
    title: "α is part of the step",
    text:
      "The product is scaled by s = α / r, so α makes every step longer or shorter. Here α is 64. " +
      "Predict what the loss does, at first and later. Press Start.",
    options: ["it falls as before, but faster", "it falls at once, then jumps"],
    right: 1,
    answer:
      "The largest value is learned within ten steps, but later the loss jumps up and down, as every " +
      "step is too long. Move α down, or the learning rate: both help.",
    settings: { alpha: 64 },
    moves: ["alpha", "learningRate"],
  },
  {
    title: "Stretched inputs",
    text:
      "These inputs vary 16 times as much in one direction as in the other. Predict: once the loss " +
      "is small, is the ellipse near the dashed one? Press Start.",
    options: ["it is near", "it is far from it"],
    right: 1,
    answer:
      "The loss falls quickly, yet the ellipses stay far from the dashed one. What the inputs hardly " +
      "show is hardly learned, by LoRA as by full fine-tuning.",
    settings: { ...plane, spread: 16 },
  },
  {
    title: "One matrix again",
    text:
      "After training, s·B·A can be added to W₀. Predict what Merge changes in the outputs, and " +
      "whether Unmerge brings W₀ back to the bit. Press one, then the other.",
    options: ["W₀ is back to the bit", "W₀ is off by a rounding"],
    right: 0,
    answer:
      "The outputs are the same but for rounding, and nothing is computed beside the matrix any more. " +
      "As the merged matrix is a new one, W₀ is back to the bit.",
    settings: {},
    steps: 200,
  },
];
