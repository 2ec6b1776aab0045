/** What a report does in a browser besides drawing its figures. @module */

/**
 * Runs in the page: a link opens the section that it leads to, printing opens all, the contents are open where
 * there is room beside the text, and a page that is still being written reloads itself, unless its reader
 * is doing something, and comes back to the same place. State is in the history, as a file has no other.
 */
export const pageScript = `{
const folds = [...document.querySelectorAll("main details")];
const contents = document.querySelector(".contents"), wide = matchMedia("(min-width: 1100px)");
const place = (hash) => document.getElementById(decodeURIComponent(hash.slice(1)));
const reveal = (target) => {
  for (let one = target; one; one = one.parentElement) if (one.localName === "details") one.open = true;
  target?.scrollIntoView();
};
const fit = () => contents.open = wide.matches;
fit();
wide.addEventListener("change", fit);
addEventListener("hashchange", () => reveal(place(location.hash)));
addEventListener("click", ({ target }) => {
  const link = target.closest("a[href^='#']");
  if (!link) return;
  fit();
  reveal(place(link.hash));
});
let closed = [];
addEventListener("beforeprint", () => {
  closed = folds.filter(({ open }) => !open);
  for (const fold of closed) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of closed) fold.open = false;
});
history.scrollRestoration = "manual";
if (history.state) {
  for (const id of history.state.open) {
    const fold = document.getElementById(id);
    if (fold) fold.open = true;
  }
  scrollTo(0, history.state.top);
} else reveal(place(location.hash));
let touched = performance.now();
for (const kind of ["keydown", "pointerdown", "pointermove", "scroll", "selectionchange", "touchmove"]) {
  addEventListener(kind, () => touched = performance.now(), { capture: true, passive: true });
}
const keep = () => {
  const open = folds.filter(({ open }) => open).map(({ id }) => id);
  history.replaceState({ open, top: scrollY }, "");
  return open;
};
addEventListener("pagehide", keep);
if (document.querySelector("[data-growing]")) {
  setInterval(() => {
    const idle = performance.now() - touched, isReading = folds.some(({ open }) => open);
    if (document.hidden || getSelection().type === "Range" || idle < (isReading ? 20000 : 4000)) return;
    location.reload();
  }, 1000);
}
}`;
