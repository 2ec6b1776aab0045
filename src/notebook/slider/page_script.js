/**
 * The page's side of a slider. The kernel puts this text after the slider's HTML. Where no script runs, as in
 * an untrusted notebook, the first output and the line below it stay.
 */
(() => {
  const root = document.currentScript.parentElement;
  const address = root.dataset.slider, inputs = [...root.querySelectorAll("input")];
  const picture = root.querySelector("[data-picture]");
  const status = root.querySelector("[role=status]"), asleep = status.textContent;
  const failed = "#d55e00";
  let isAsking = false, isChanged = false;

  const say = (text, colour = "") => {
    status.textContent = text;
    status.style.color = colour;
    status.hidden = text === "";
  };

  const showValue = (input) => {
    const text = JSON.parse(input.dataset.texts)[input.valueAsNumber];
    input.setAttribute("aria-valuetext", text);
    input.nextElementSibling.textContent = text;
  };

  /** Asks one question at a time; meanwhile, only the newest values are kept for the next one. */
  const ask = async () => {
    isChanged = true;
    if (isAsking) return;
    isAsking = true;
    while (isChanged) {
      isChanged = false;
      const slow = setTimeout(() => picture.style.opacity = 0.5, 200);
      await answer().catch(({ message }) => say(message, failed));
      clearTimeout(slow);
      picture.style.opacity = "";
    }
    isAsking = false;
  };

  /** Draws an answer; without one, the previous output stays and a line says why. */
  const answer = async () => {
    const at = inputs.map(({ value }) => value), live = globalThis.lowrankFigures ? "&live=1" : "";
    const read = (response) => response.ok ? response.json() : undefined;
    const answered = await fetch(`${address}?at=${at}${live}`).then(read).catch(() => undefined);
    if (!answered) return say(asleep);
    const { error, parts } = answered;
    if (error !== undefined) return say(error, failed);
    await draw(parts);
    say("");
  };

  const draw = async (parts) => {
    if (picture.children.length !== parts.length) {
      picture.replaceChildren(...parts.map(() => document.createElement("div")));
    }
    for (const [i, part] of parts.entries()) await drawPart(picture.children[i], part);
  };

  /** A figure keeps its card, so that the page does not jump. */
  const drawPart = async (place, { html, figure }) => {
    if (!figure) return void (place.innerHTML = html);
    if (!place.querySelector("[data-figure]")) place.innerHTML = html;
    const plot = place.querySelector("[data-figure]");
    const { previousElementSibling: title, nextElementSibling: caption } = plot.parentElement;
    title.textContent = figure.title;
    caption.textContent = figure.caption;
    await globalThis.lowrankFigures.draw(plot, figure);
  };

  for (const input of inputs) {
    input.disabled = false;
    input.addEventListener("input", () => {
      showValue(input);
      ask();
    });
  }
  // Otherwise JupyterLab would handle the arrow keys itself.
  root.addEventListener("keydown", (event) => {
    if (/^(Arrow|Home|End|Page)/.test(event.key)) event.stopPropagation();
  });
  fetch(address).then(({ ok }) => say(ok ? "" : asleep), () => {});
})();
