/**
 * The page's side of a slider. The kernel puts this text after the slider's HTML and the text of `stepper`.
 * Where no script runs, as in an untrusted notebook, the first output and the line above it stay.
 */
(() => {
  const root = document.currentScript.parentElement, address = root.dataset.slider;
  const picture = root.querySelector("[data-picture]");
  const status = root.querySelector("[role=status]"), asleep = status.textContent;
  const failed = "#d55e00";
  let isAsking = false, isChanged = false;

  const say = (text, color = "") => {
    status.textContent = text;
    status.style.color = color;
    status.hidden = text === "";
  };

  /** Asks one question at a time; meanwhile, only the newest values are kept for the next one. */
  const ask = async () => {
    isChanged = true;
    if (isAsking) return;
    isAsking = true;
    while (isChanged) {
      isChanged = false;
      const slow = setTimeout(() => picture.style.opacity = 0.5, 200);
      await answer().catch(({ message }) => fail(message));
      clearTimeout(slow);
    }
    isAsking = false;
  };

  const controls = stepper(root, ask);
  let shown = controls.places();

  /** Draws an answer; without one, nothing can move, and the controls say again what the output shows. */
  const answer = async () => {
    const at = controls.places(), live = globalThis.lowrankFigures ? "&live=1" : "";
    const read = (response) => response.ok ? response.json() : undefined;
    const answered = await fetch(`${address}?at=${at}${live}`).then(read).catch(() => undefined);
    if (!answered) return sleep();
    if (answered.error !== undefined) return fail(answered.error);
    await draw(answered.parts);
    shown = at;
    picture.style.opacity = "";
    say("");
  };

  /** The controls stay where they are, and the output, which is not theirs, is pale. */
  const fail = (message) => {
    picture.style.opacity = 0.3;
    say(message, failed);
  };

  const sleep = () => {
    isChanged = false;
    controls.put(shown);
    controls.enable(false);
    picture.style.opacity = "";
    say(asleep);
  };

  const draw = async (parts) => {
    if (picture.children.length !== parts.length) {
      picture.replaceChildren(...parts.map(() => document.createElement("div")));
    }
    for (const [i, part] of parts.entries()) await drawPart(picture.children[i], part);
  };

  /** A figure keeps its card, so that the page does not jump; one with steps of its own gets a new one. */
  const drawPart = async (place, { html, figure }) => {
    if (!figure) return void (place.innerHTML = html);
    if (figure.steps || !place.querySelector("[data-figure]")) place.innerHTML = html;
    const plot = place.querySelector("[data-figure]");
    const { previousElementSibling: title, nextElementSibling: caption } = plot.parentElement;
    title.textContent = figure.title;
    caption.textContent = figure.caption;
    await globalThis.lowrankFigures.draw(plot, figure);
  };

  fetch(address).then(({ ok }) => {
    if (!ok) return;
    controls.enable(true);
    say("");
  }, () => {});
})();
