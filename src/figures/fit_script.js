/**
 * What a drawn figure must change to be read in a narrow place: a legend of many rows adds its height, and
 * headings of panels and titles of axes that are longer than what they name break into lines.
 */
((place) => {
  const rowOfText = 17, legendRows = 60;
  const inLines = (whole, length, room) => {
    if (length <= room) return whole;
    const text = whole.replaceAll(" = ", "\u00a0=\u00a0"); // "r = 4" is one word
    const seen = (text) => text.replaceAll(/<[^>]*>/g, "").length, lines = [];
    const most = Math.floor(seen(text) * room / length);
    for (const word of text.split(" ")) {
      const longer = `${lines.at(-1)} ${word}`;
      if (lines.length > 0 && seen(longer) <= most) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines.join("<br>");
  };
  const more = (text) => rowOfText * (text.split("<br>").length - 1);
  const isOneLine = (text) => text && !text.includes("<br");
  const { _fullLayout: layout } = place, changes = {};
  const legend = place.querySelector(".legend .bg")?.getBoundingClientRect().height ?? 0;
  const rows = Math.max(0, legend - legendRows);
  let top = 0, bottom = 0;
  layout.annotations.forEach(({ text, showarrow, xref, yanchor }, at) => {
    const drawn = place.querySelector(`.annotation[data-index="${at}"]`);
    if (!drawn || showarrow || xref !== "paper" || yanchor !== "bottom" || !isOneLine(text)) return;
    const room = layout._size.w / layout.annotations.length - 4;
    const lines = inLines(text, drawn.getBoundingClientRect().width, room);
    if (lines !== text) changes[`annotations[${at}].text`] = lines;
    top = Math.max(top, more(lines));
  });
  for (const name of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
    const { title, domain } = layout[name], isAcross = name.startsWith("x");
    const drawn = place.querySelector(`.${name.replace("axis", "")}title`);
    if (!drawn || !isOneLine(title?.text)) continue;
    const { width, height } = drawn.getBoundingClientRect();
    const whole = isAcross ? layout._size.w : layout._size.h + rows;
    const room = whole * (domain[1] - domain[0]) + (domain[1] - domain[0] === 1 ? 10 : -4);
    const lines = inLines(title.text, isAcross ? width : height, room);
    if (lines !== title.text) changes[`${name}.title.text`] = lines;
    if (isAcross) bottom = Math.max(bottom, more(lines));
  }
  const added = rows + top + bottom;
  if (top > 0) changes["margin.t"] = layout.margin.t + top;
  if (added > 0) changes.height = layout.height + added;
  return changes;
});
