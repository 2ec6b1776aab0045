/**
 * What a drawn figure must change so that the numbers below its horizontal axes are apart: of numbers that
 * would touch, every second or third is left, and the last below a panel gives way to the next panel's first.
 */
((place) => {
  const apart = 3, { _fullLayout: layout } = place;
  const areApart = (labels) =>
    labels.every(({ left }, i) => i === 0 || labels[i - 1].right + apart <= left);
  const everyNth = (labels, step) => labels.filter((_, i) => i % step === 0);
  const thinned = (labels) => {
    const step = labels.findIndex((_, i) => areApart(everyNth(labels, i + 1))) + 1;
    return everyNth(labels, step);
  };
  /** The labels as they would be, level, from the left. */
  const labelsOf = (axis) => {
    const texts = [...place.querySelectorAll(`.${axis._id}tick > text`)];
    return texts.map((drawn) => {
      const { x, text } = drawn.__data__, middle = axis._offset + axis.l2p(x);
      const half = drawn.getBBox().width / 2;
      const value = axis.type === "log" ? 10 ** x : x;
      return { value, text, left: middle - half, right: middle + half };
    }).sort((a, b) => a.left - b.left);
  };
  const bottomOf = ({ anchor }) => layout[anchor.replace("y", "yaxis")]?.domain[0] ?? 0;
  const axes = Object.keys(layout)
    .filter((name) => /^xaxis\d*$/.test(name) && /^(linear|log)$/.test(layout[name].type))
    .map((name) => ({ name, axis: layout[name], all: labelsOf(layout[name]) }))
    .filter(({ axis, all }) => all.length > 0 && axis.tickangle === "auto")
    .map((one) => ({ ...one, bottom: bottomOf(one.axis), labels: thinned(one.all) }))
    .sort((a, b) => a.bottom - b.bottom || a.axis._offset - b.axis._offset);
  axes.forEach((one, i) => {
    const next = axes[i + 1];
    if (next?.bottom !== one.bottom || one.labels.length < 2) return;
    if (!areApart([one.labels.at(-1), next.labels[0]])) one.labels.pop();
  });
  return Object.fromEntries(
    axes.filter(({ all, labels }) => labels.length < all.length).flatMap(({ name, labels }) => [
      [`${name}.tickmode`, "array"],
      [`${name}.tickvals`, labels.map(({ value }) => value)],
      [`${name}.ticktext`, labels.map(({ text }) => text)],
      [`${name}.tickangle`, 0],
    ]),
  );
});
