/**
 * What a drawn figure must change to be read in a narrow place: a legend of many rows adds its height;
 * headings of panels and titles of axes that are longer than what they name break into lines, and headings
 * with a word that is longer stand upright.
 */
((place) => {
  const rowOfText = 17, legendRows = 60;
  const { _fullLayout: layout } = place, changes = {};
  const seen = (text) => text.replaceAll(/<[^>]*>/g, "").length;
  const filled = (words, most) =>
    words.reduce((lines, word) => {
      const longer = `${lines.at(-1)} ${word}`;
      return lines.length > 0 && seen(longer) <= most ? lines.with(-1, longer) : [...lines, word];
    }, []);
  const inLines = (whole, length, room) => {
    if (length <= room) return { text: whole, fits: true };
    const most = Math.floor(seen(whole) * room / length);
    const fit = (lines) => lines.every((line) => seen(line) <= most);
    const together = filled(whole.replaceAll(" = ", "\u00a0=\u00a0").split(" "), most); // "r = 4" is one word
    const lines = fit(together) ? together : filled(whole.split(" "), most);
    return { text: lines.join("<br>"), fits: fit(lines) };
  };
  const more = (text) => rowOfText * (text.split("<br>").length - 1);
  const isOneLine = (text) => text && !text.includes("<br");
  const legend = place.querySelector(".legend .bg")?.getBoundingClientRect().height ?? 0;
  const rows = Math.max(0, legend - legendRows);
  const headings = layout.annotations.flatMap(({ text, showarrow, xref, yanchor }, at) => {
    const drawn = place.querySelector(`.annotation[data-index="${at}"]`);
    if (!drawn || showarrow || xref !== "paper" || yanchor !== "bottom" || !isOneLine(text)) {
      return [];
    }
    const { width } = drawn.getBoundingClientRect();
    const room = layout._size.w / layout.annotations.length - 4;
    return [{ at, whole: text, width, ...inLines(text, width, room) }];
  });
  const areUpright = headings.some(({ fits }) => !fits);
  const top = Math.max(
    0,
    ...headings.map(({ text, width }) => areUpright ? width - rowOfText : more(text)),
  );
  for (const { at, whole, text } of headings) {
    if (areUpright) changes[`annotations[${at}].textangle`] = -90;
    else if (text !== whole) changes[`annotations[${at}].text`] = text;
  }
  let bottom = 0;
  for (const name of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
    const { title, domain } = layout[name], isAcross = name.startsWith("x");
    const drawn = place.querySelector(`.${name.replace("axis", "")}title`);
    if (!drawn || !isOneLine(title?.text)) continue;
    const { width, height } = drawn.getBoundingClientRect();
    const whole = isAcross ? layout._size.w : layout._size.h + rows;
    const room = whole * (domain[1] - domain[0]) + (domain[1] - domain[0] === 1 ? 10 : -4);
    const { text } = inLines(title.text, isAcross ? width : height, room);
    if (text !== title.text) changes[`${name}.title.text`] = text;
    if (isAcross) bottom = Math.max(bottom, more(text));
  }
  const added = rows + top + bottom;
  if (top > 0) changes["margin.t"] = layout.margin.t + top;
  if (added > 0) changes.height = layout.height + added;
  return changes;
});
