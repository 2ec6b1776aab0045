/** What a reader predicted: the question's script keeps it, and that of the result shows it. Both contain this text. */
((root) => {
  const key = `lowrank-prediction: ${root.dataset.question}`, changed = "lowrank-prediction";
  const answers = (() => {
    try {
      return globalThis.sessionStorage; // outlives a reload of the page, not its tab
    } catch {
      return globalThis.lowrankPredictions ??= {}; // in a frame without an origin
    }
  })();
  return {
    answer: () => answers[key],
    keep(answer) {
      answers[key] = answer;
      dispatchEvent(new Event(changed));
    },
    onChange: (listener) => addEventListener(changed, listener),
  };
});
