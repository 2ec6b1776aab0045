/** The page's side of a result, after the text of `kept`: the reader's answer beside what was measured. */
(() => {
  const root = document.currentScript.parentElement, { answer, onChange } = kept(root);
  const { measured, best } = root.dataset, details = root.querySelector("details");
  const fold = root.querySelector("[data-fold]"), said = root.querySelector("[data-said]");
  const strong = (text) => {
    const element = document.createElement("strong");
    element.textContent = text;
    return element;
  };
  const compare = () => {
    const yours = answer();
    fold.textContent = yours === undefined
      ? "You have not predicted this yet. Show the result"
      : "The result, beside your prediction";
    const mark = yours === best ? " ✓" : "";
    const own = yours === undefined ? ["Measured: "] : ["You said ", strong(yours), "; measured: "];
    said.replaceChildren(...own, strong(measured), mark);
  };
  compare();
  details.open = answer() !== undefined;
  onChange(compare);
})();
