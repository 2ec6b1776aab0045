/** Multinomial logistic regression on sparse or dense features, for baselines and probes. @module */

/** A row's features: those that are not zero, by place. */
export interface Features {
  /** Places. */
  readonly at: ArrayLike<number>;
  /** Their values. */
  readonly values: ArrayLike<number>;
}

/** Rows with their classes. */
export interface LabeledFeatures {
  /** One for each row. */
  readonly rows: readonly Features[];
  /** The class of each row. */
  readonly labels: readonly number[];
}

/** Data and settings of a fit. */
export interface RegressionTask extends LabeledFeatures {
  /** Number of features. */
  readonly width: number;
  /** Number of classes. */
  readonly classes: number;
}

/** The share of rows whose most likely class is theirs. */
export function shareRight(
  { rows, labels }: LabeledFeatures,
  scores: (row: Features) => Float64Array,
): number {
  const right = rows.filter((row, i) => {
    const own = scores(row);
    return own.indexOf(own.reduce((most, score) => Math.max(most, score))) === labels[i];
  });
  return right.length / rows.length;
}

/** Steps over all rows, and the rate of the first; it falls to 0 in a line. */
const steps = 200, rate = 0.1;

/** A fitted classifier with logits W x + b. */
export class Regression {
  readonly #task: RegressionTask;
  readonly #lambda: number;
  readonly #weights: Float64Array; // (width + 1, classes), the bias last

  /**
   * Minimizes the mean cross-entropy plus λ/2 ‖W‖², from W = 0 by Adam on all rows at once: the problem is
   * convex, and there is no seed.
   */
  constructor(task: RegressionTask, lambda: number) {
    const size = (task.width + 1) * task.classes;
    this.#task = task;
    this.#lambda = lambda;
    this.#weights = new Float64Array(size);
    const moments = [new Float64Array(size), new Float64Array(size)] as const;
    const gradient = new Float64Array(size);
    for (let step = 0; step < steps; step++) {
      this.#fillGradient(gradient);
      this.#update(gradient, moments, step);
    }
  }

  /** The logits of a row. */
  logits({ at, values }: Features): Float64Array {
    const { classes, width } = this.#task, weights = this.#weights, bias = width * classes;
    const logits = weights.slice(bias, bias + classes);
    for (let i = 0; i < at.length; i++) {
      const start = at[i] * classes, value = values[i];
      for (let c = 0; c < classes; c++) logits[c] += value * weights[start + c];
    }
    return logits;
  }

  #update(
    gradient: Float64Array,
    [first, second]: readonly [Float64Array, Float64Array],
    step: number,
  ): void {
    const weights = this.#weights, now = rate * (1 - step / steps);
    const [a, b] = [1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)];
    for (let i = 0; i < weights.length; i++) {
      first[i] = 0.9 * first[i] + 0.1 * gradient[i];
      second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
      weights[i] -= now * (first[i] / a) / (Math.sqrt(second[i] / b) + 1e-8);
    }
  }

  #fillGradient(gradient: Float64Array): void {
    const { rows, labels, classes, width } = this.#task, bias = width * classes;
    for (let i = 0; i < bias; i++) gradient[i] = this.#lambda * this.#weights[i];
    gradient.fill(0, bias);
    rows.forEach((row, i) => {
      const slope = this.logits(row);
      toSlope(slope, labels[i], rows.length);
      for (let c = 0; c < classes; c++) gradient[bias + c] += slope[c];
      for (let j = 0; j < row.at.length; j++) {
        const start = row.at[j] * classes, value = row.values[j];
        for (let c = 0; c < classes; c++) gradient[start + c] += value * slope[c];
      }
    });
  }
}

/** Turns a row's logits into the slope of the mean cross-entropy by them: (softmax − label) / rows. */
function toSlope(logits: Float64Array, label: number, rows: number): void {
  let most = -Infinity, sum = 0;
  for (const logit of logits) most = Math.max(most, logit);
  for (let c = 0; c < logits.length; c++) sum += logits[c] = Math.exp(logits[c] - most);
  for (let c = 0; c < logits.length; c++) logits[c] /= sum * rows;
  logits[label] -= 1 / rows;
}
