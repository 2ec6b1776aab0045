/** The page's side of the button that saves all predictions as CSV: those kept by the questions' scripts. */
(() => {
  const root = document.currentScript.parentElement, start = "lowrank-prediction: ";
  const answers = () => {
    try {
      return globalThis.sessionStorage;
    } catch {
      return globalThis.lowrankPredictions ?? {}; // in a frame without an origin
    }
  };
  const quoted = (value) => `"${value.replaceAll('"', '""')}"`;

  /** A line for each answer; what was measured is in the page once its cell has run. */
  const table = () => {
    const kept = answers(), results = [...document.querySelectorAll("[data-measured]")];
    const lines = Object.keys(kept).filter((key) => key.startsWith(start)).map((key) => {
      const question = key.slice(start.length), answer = kept[key];
      const { measured = "", best } = results.find(({ dataset }) => dataset.question === question)
        ?.dataset ?? {};
      const right = best === undefined ? "" : answer === best ? "yes" : "no";
      return [question, answer, measured, right].map(quoted).join(",");
    });
    return ["question,predicted,measured,right", ...lines].join("\r\n") + "\r\n";
  };

  root.querySelector("button").addEventListener("click", () => {
    const link = document.createElement("a");
    link.download = "predictions.csv";
    link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(table())}`;
    link.click();
  });
})();
