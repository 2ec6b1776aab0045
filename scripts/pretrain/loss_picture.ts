/** A loss curve for a model card. @module */

/** Losses that have a label, ascending; the axis ends half a unit beyond them. */
export interface LossMarks {
  /** The losses. */
  readonly at: readonly number[];
  /** Position of a loss on the axis. Default: at itself. */
  readonly scale?: (loss: number) => number;
}

/** The loss curve as a small picture: axes, labels, one line. */
export function lossPicture(
  loss: readonly (readonly [step: number, loss: number])[],
  { at: marks, scale = (value) => value }: LossMarks,
): string {
  const [width, height, left, bottom] = [640, 320, 56, 40];
  const last = loss[loss.length - 1][0], [least, most] = [marks[0], marks.at(-1)!].map(scale);
  const low = least - 0.5, high = most + 0.5;
  const x = (step: number) => left + (width - left - 28) * step / last;
  const y = (value: number) => {
    const shown = Math.max(low, Math.min(scale(value), high));
    return 12 + (height - bottom - 12) * (high - shown) / (high - low);
  };
  const points = loss.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
  const labels = marks.map((value) =>
    `<line x1="${left}" x2="${width - 28}" y1="${y(value)}" y2="${y(value)}" stroke="#e6e8ee"/>` +
    `<text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${value}</text>`
  );
  const steps = [0, last / 2, last].map((step) =>
    `<text x="${x(step)}" y="${height - 20}" text-anchor="middle">${
      step.toLocaleString("en-US")
    }</text>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#1f2430">
<rect width="${width}" height="${height}" fill="#fff"/>
${labels.join("\n")}
${steps.join("\n")}
<text x="${width / 2}" y="${height - 4}" text-anchor="middle">step</text>
<text transform="translate(14 ${
    height / 2
  }) rotate(-90)" text-anchor="middle">loss (nats per token)</text>
<polyline points="${points.join(" ")}" fill="none" stroke="#0072b2" stroke-width="1.5"/>
</svg>
`;
}
