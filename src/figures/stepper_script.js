/**
 * Makes the controls in an element live; they are disabled until a script runs. `moved` is called with the
 * positions of all. The page's script and that of a slider of the kernel both contain this text.
 */
((root, moved) => {
  const controls = [...root.querySelectorAll("[data-control]")];
  const placeOf = (control) => control.selectedIndex ?? control.valueAsNumber;
  const showText = (control) => {
    if (control.dataset.texts === undefined) return; // a choice shows its own
    const text = JSON.parse(control.dataset.texts)[placeOf(control)];
    control.setAttribute("aria-valuetext", text);
    control.nextElementSibling.textContent = text;
  };
  const places = () => controls.map(placeOf);
  for (const control of controls) {
    control.addEventListener("input", () => {
      showText(control);
      moved(places());
    });
    // Otherwise JupyterLab would take the keys as its own.
    control.addEventListener("keydown", (event) => {
      const { key, ctrlKey, metaKey, shiftKey } = event;
      if (!ctrlKey && !metaKey && !shiftKey && key !== "Escape") event.stopPropagation();
    });
  }
  return {
    places,
    put(places) {
      controls.forEach((control, i) => {
        control["selectedIndex" in control ? "selectedIndex" : "value"] = places[i];
        showText(control);
      });
    },
    enable(isOn) {
      for (const control of controls) control.disabled = !isOn;
    },
  };
});
