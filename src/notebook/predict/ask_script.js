/** The page's side of a question, after the text of `kept` and, for a range, of `stepper`: it keeps the answer. */
(() => {
  const root = document.currentScript.parentElement, { answer, keep, onChange } = kept(root);
  const status = root.querySelector("[role=status]");
  const choices = [...root.querySelectorAll("[type=radio]")];
  const say = () => {
    status.textContent = answer() === undefined
      ? choices.length > 0 ? "Choose one." : "Move the slider."
      : `You said ${answer()}.`;
  };

  for (const choice of choices) {
    choice.disabled = false;
    choice.checked = choice.value === answer();
    choice.addEventListener("change", () => keep(choice.value));
    // Otherwise JupyterLab would take the keys as its own.
    choice.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") event.stopPropagation();
    });
  }

  /** To touch the slider where it is also is an answer. */
  const slide = () => {
    const control = root.querySelector("[data-control]"), texts = JSON.parse(control.dataset.texts);
    const now = () => keep(texts[steps.places()[0]]);
    const steps = stepper(root, now), before = texts.indexOf(answer());
    if (before >= 0) steps.put([before]);
    control.addEventListener("click", now);
    steps.enable(true);
  };

  if (choices.length === 0) slide();
  onChange(say);
  say();
})();
