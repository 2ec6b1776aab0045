/** Of every page: code can be copied, the search answers, and folds are open on paper. */
{
  const home = document.currentScript.dataset.home;

  // Code.

  const copy = async (text, pre) => {
    if (navigator.clipboard) return await navigator.clipboard.writeText(text);
    getSelection().selectAllChildren(pre); // a page from an insecure server has no clipboard
    document.execCommand("copy");
  };

  const addCopy = (pre) => {
    const box = document.createElement("div"), button = document.createElement("button");
    box.className = "copied";
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await copy(pre.textContent, pre);
      button.textContent = "Copied";
      setTimeout(() => button.textContent = "Copy", 1500);
    });
    pre.replaceWith(box);
    box.append(pre, button);
  };

  for (const code of document.querySelectorAll(".page main pre > code")) {
    addCopy(code.parentElement);
  }

  // The search.

  const form = document.querySelector(".bar form"), input = form.querySelector("input");
  const list = form.querySelector(".found");

  const load = (name) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = home + name;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`cannot load ${name}`));
      document.head.append(script);
    });

  let loaded;
  const ready = () => loaded ??= Promise.all([load("search.js"), load("search_index.js")]);

  const item = ({ title, page, kind, place, text }) => {
    const row = document.createElement("li"), link = document.createElement("a");
    const [name, of, says] = ["b", "span", "p"].map((tag) => document.createElement(tag));
    link.href = home + place;
    name.textContent = title;
    of.textContent = page === title ? ` ${kind}` : ` ${kind}: ${page}`;
    says.textContent = text;
    link.append(name, of, says);
    row.append(link);
    return row;
  };

  const none = (words) => {
    const row = document.createElement("li");
    row.className = "none";
    row.textContent = words;
    return row;
  };

  const search = async () => {
    const query = input.value.trim();
    list.hidden = query === "";
    if (query === "") return;
    await ready();
    const found = (await lowrankSearch(query)).map(item);
    if (input.value.trim() === query) {
      list.replaceChildren(...found.length > 0 ? found : [none(`Nothing has “${query}”.`)]);
    }
  };

  const links = () => [...list.querySelectorAll("a")];
  const move = (by) => {
    const all = links(), at = all.indexOf(document.activeElement) + by;
    (at < 0 ? input : all[Math.min(at, all.length - 1)])?.focus();
  };

  form.hidden = false;
  input.addEventListener("focus", ready);
  input.addEventListener("input", search);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    links()[0]?.click();
  });
  form.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") list.hidden = true;
    if (by === undefined) return;
    event.preventDefault();
    move(by);
  });
  addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
  });
  addEventListener("pointerdown", ({ target }) => {
    if (!form.contains(target)) list.hidden = true;
  });

  // The picture of the first page: it moves until it is stopped.

  const stop = document.querySelector("[data-stop]");
  stop?.addEventListener("click", () => {
    const picture = stop.closest("figure"), isMoving = stop.textContent === "Stop";
    const other = (path) => path.replace(/#.*/, "") + (isMoving ? "#still" : "");
    const [narrow, wide] = ["source", "img"].map((name) => picture.querySelector(name));
    narrow.srcset = other(narrow.srcset);
    wide.src = other(wide.getAttribute("src"));
    stop.textContent = isMoving ? "Move" : "Stop";
  });

  // Paper.

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("main details:not([open])")];
    for (const fold of closed) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of closed) fold.open = false;
  });
}
