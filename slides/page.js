/** One slide at a time: keys, two buttons, and the place in the address. Without it, all are one page. */

const slides = [...document.querySelectorAll(".slide")];
const [back, next, place] = ["back", "next", "place"].map((id) => document.getElementById(id));
let shown = -1;

/** Shows a slide; a screen reader continues at its heading. */
function show(number, { focus = true } = {}) {
  const wanted = Math.min(Math.max(number, 0), slides.length - 1);
  if (wanted === shown) return;
  shown = wanted;
  slides.forEach((slide, i) => slide.classList.toggle("shown", i === shown));
  [back.disabled, next.disabled] = [shown === 0, shown === slides.length - 1];
  place.textContent = `${shown + 1} / ${slides.length}`;
  history.replaceState(null, "", `#${slides[shown].id}`);
  scrollTo(0, 0);
  if (focus) slides[shown].querySelector("h2").focus({ preventScroll: true });
}

const fromAddress = () => slides.findIndex(({ id }) => `#${id}` === location.hash);

const keys = {
  ArrowRight: () => shown + 1,
  PageDown: () => shown + 1,
  " ": () => shown + 1,
  ArrowLeft: () => shown - 1,
  PageUp: () => shown - 1,
  Home: () => 0,
  End: () => slides.length - 1,
};

document.documentElement.classList.add("live");
document.querySelector("nav").hidden = false;
addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey, altKey, target } = event;
  if (ctrlKey || metaKey || altKey || !(key in keys)) return;
  if (key === " " && target.closest?.("button")) return; // it presses the button
  event.preventDefault();
  show(key === " " && event.shiftKey ? shown - 1 : keys[key]());
});
back.addEventListener("click", () => show(shown - 1, { focus: false }));
next.addEventListener("click", () => show(shown + 1, { focus: false }));
addEventListener("hashchange", () => show(fromAddress()));
show(Math.max(0, fromAddress()), { focus: false });
