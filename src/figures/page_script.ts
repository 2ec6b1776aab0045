/** What a report does in a browser besides drawing its figures. @module */

/**
 * Runs in the page: a link opens the section that it leads to, printing opens all, the contents are open where
 * there is room beside the text and mark the part that is read, and a page that is still being written reloads itself, unless its reader
 * is doing something, with the same sections open and the same one at the same place. That is kept in the
 * history, as a file has no other memory.
 */
export const pageScript = `{
const folds = [...document.querySelectorAll("main details")];
const contents = document.querySelector(".contents"), wide = matchMedia("(min-width: 1100px)");
const place = (hash) => document.getElementById(decodeURIComponent(hash.slice(1)));
const reveal = (target) => {
  for (let one = target; one; one = one.parentElement) if (one.localName === "details") one.open = true;
  target?.scrollIntoView();
};
const fit = () => contents?.toggleAttribute("open", wide.matches);
fit();
wide.addEventListener("change", fit);
const keep = (more) => {
  const open = folds.filter(({ open }) => open).map(({ id }) => id);
  history.replaceState({ open, ...more }, "");
};
const topOf = (element) => element.getBoundingClientRect().top;
const { open = [], at } = history.state ?? {}, same = at && document.getElementById(at.id);
for (const id of open) document.getElementById(id)?.setAttribute("open", "");
if (same) scrollBy(0, topOf(same) - at.top);
else if (!history.state) reveal(place(location.hash));
// A browser still scrolls back some time after the page has loaded.
setTimeout(() => history.scrollRestoration = "auto", 3000);
addEventListener("toggle", () => keep(), true);
addEventListener("hashchange", () => {
  reveal(place(location.hash));
  keep(); // this address is another entry of the history
});
addEventListener("click", ({ target }) => {
  const link = target.closest("a[href^='#']");
  if (!link) return;
  fit();
  reveal(place(link.hash));
});
const parts = [...contents?.querySelectorAll("a") ?? []].map((link) => [link, place(link.hash)]);
const mark = () => {
  const [now] = parts.findLast(([, part]) => topOf(part) < innerHeight / 3) ?? [];
  for (const [link] of parts) {
    if (link === now) link.ariaCurrent = "true";
    else link.removeAttribute("aria-current");
  }
};
mark();
addEventListener("scroll", mark, { passive: true });
addEventListener("toggle", mark, true);
let closed = [];
addEventListener("beforeprint", () => {
  closed = folds.filter(({ open }) => !open);
  for (const fold of closed) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of closed) fold.open = false;
});
let touched = performance.now();
for (const kind of ["keydown", "pointerdown", "pointermove", "scroll", "selectionchange", "touchmove"]) {
  addEventListener(kind, () => touched = performance.now(), { capture: true, passive: true });
}
if (document.querySelector("[data-growing]")) {
  setInterval(() => {
    const idle = performance.now() - touched, isReading = folds.some(({ open }) => open);
    if (document.hidden || getSelection().type === "Range" || idle < (isReading ? 20000 : 4000)) return;
    const above = [...document.querySelectorAll("main [id]")].findLast((one) => topOf(one) < 0);
    keep(above && { at: { id: above.id, top: topOf(above) } });
    if (above) history.scrollRestoration = "manual"; // what is above may have grown
    location.reload();
  }, 1000);
}
}`;
