/**
 * The page's side of predictions, after the text of `stepper`: in a question it keeps the answer, in a result
 * it shows that beside what was measured. Where no script runs, the result can still be unfolded.
 */
(() => {
  const root = document.currentScript.parentElement, { question, measured } = root.dataset;
  const key = `lowrank-prediction: ${question}`, changed = "lowrank-prediction";
  const answers = (() => {
    try {
      return globalThis.sessionStorage; // outlives a reload of the page, not its tab
    } catch {
      return globalThis.lowrankPredictions ??= {}; // in a frame without an origin
    }
  })();

  const ask = () => {
    const status = root.querySelector("[role=status]");
    const choices = [...root.querySelectorAll("[type=radio]")];
    const say = () => {
      const answer = answers[key];
      status.textContent = answer === undefined
        ? choices.length > 0 ? "Choose one." : "Move the slider."
        : `You said ${answer}.`;
    };
    const keep = (answer) => {
      answers[key] = answer;
      say();
      dispatchEvent(new Event(changed));
    };
    if (choices.length > 0) choose(choices, keep);
    else slide(keep);
    say();
  };

  const choose = (choices, keep) => {
    for (const choice of choices) {
      choice.disabled = false;
      choice.checked = choice.value === answers[key];
      choice.addEventListener("change", () => keep(choice.value));
      // Otherwise JupyterLab would take the keys as its own.
      choice.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") event.stopPropagation();
      });
    }
  };

  /** To touch the slider where it is also is an answer. */
  const slide = (keep) => {
    const control = root.querySelector("[data-control]"), texts = JSON.parse(control.dataset.texts);
    const now = () => keep(texts[steps.places()[0]]);
    const steps = stepper(root, now), before = texts.indexOf(answers[key]);
    if (before >= 0) steps.put([before]);
    control.addEventListener("click", now);
    steps.enable(true);
  };

  const reveal = () => {
    const details = root.querySelector("details"), fold = root.querySelector("[data-fold]");
    const said = root.querySelector("[data-said]");
    const strong = (text) => {
      const element = document.createElement("strong");
      element.textContent = text;
      return element;
    };
    const compare = () => {
      const answer = answers[key];
      fold.textContent = answer === undefined
        ? "You have not predicted this yet. Show the result"
        : "The result, beside your prediction";
      const mark = answer === measured ? " ✓" : "";
      if (answer === undefined) said.replaceChildren("Measured: ", strong(measured));
      else {said.replaceChildren(
          "You said ",
          strong(answer),
          "; measured: ",
          strong(measured),
          mark,
        );}
    };
    compare();
    details.open = answers[key] !== undefined;
    addEventListener(changed, compare);
  };

  if (measured === undefined) ask();
  else reveal();
})();
