
"use strict";
(() => {
  const tools = document.getElementById("tools");
  if (!tools) return;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const by = (id) => document.getElementById(id);
  const search = by("q"), shown = by("shown"), keys = by("keys");
  const chips = all("button[data-facet]", tools);
  const blocks = all(".part .b").map((element) => ({
    element,
    branch: element.closest(".branch"),
    has: { a: [element.dataset.a || element.classList[1]], k: [element.dataset.k], m: (element.dataset.m || "").split(",") },
    items: all(".same > li", element),
    text: null,
  }));
  const branches = all(".part .branch").reverse(), parts = all(".part");
  const counts = new Map(branches.map((branch) => [branch, { count: 0, of: 0 }]));
  for (const block of blocks) counts.get(block.branch).of += block.items.length || 1;
  const total = blocks.reduce((sum, block) => sum + (block.items.length || 1), 0);
  const say = (number) => number.toLocaleString("en");
  const hide = (element, hidden) => { if (element.hidden !== hidden) element.hidden = hidden; };
  const pressed = () => chips.filter((chip) => chip.ariaPressed === "true");

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = {};
    for (const chip of pressed()) (chosen[chip.dataset.facet] ||= []).push(chip.value);
    let count = 0;
    for (const its of counts.values()) its.count = 0;
    for (const block of blocks) {
      const fits = Object.entries(chosen).every(([facet, values]) => values.some((it) => block.has[facet].includes(it)));
      const found = fits && (words.length === 0 || matching(block, words));
      hide(block.element, !found);
      const number = found ? items(block, words) : 0;
      count += number;
      counts.get(block.branch).count += number;
    }
    for (const branch of branches) {
      hide(branch, !branch.querySelector(".b:not([hidden])"));
      const { count, of } = counts.get(branch);
      branch.querySelector("b").textContent = count === of ? `${of}` : `${count} of ${of}`;
    }
    for (const part of parts) hide(part, !part.querySelector(".b:not([hidden])"));
    const whole = words.length === 0 && Object.keys(chosen).length === 0;
    if (!whole) for (const branch of branches) if (!branch.hidden) branch.open = true;
    by("reset").disabled = whole;
    shown.textContent = count === total ? `${say(total)} changes` : `${say(count)} of ${say(total)} changes`;
    highlight(words);
    remember();
  }

  const contains = (text, words) => words.every((word) => text.includes(word));

  function matching(block, words) {
    block.text ??= block.element.textContent.toLowerCase();
    return contains(block.text, words);
  }

  // Of many that are the same those are shown whose own address is looked for, or all when the change itself is.
  function items(block, words) {
    if (!block.items.length) return 1;
    const own = block.items.map((item) => contains(item.textContent.toLowerCase(), words));
    const some = own.includes(true);
    block.items.forEach((item, number) => hide(item, some && !own[number]));
    return some ? own.filter(Boolean).length : own.length;
  }

  function highlight(words) {
    if (!window.Highlight || !CSS.highlights) return;
    const ranges = [];
    if (words.length) {
      for (const { element } of blocks.filter((block) => !block.element.hidden).slice(0, 200)) {
        const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const text = node.data.toLowerCase();
          if (text.length !== node.data.length) continue;
          for (const word of words) {
            for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
              const range = new Range();
              range.setStart(node, at);
              range.setEnd(node, at + word.length);
              ranges.push(range);
            }
          }
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  // What is shown stands in the address, so that it can be passed on.
  function remember() {
    const said = new URLSearchParams();
    if (search.value) said.set("q", search.value);
    for (const chip of pressed()) said.append(chip.dataset.facet, chip.value);
    const hash = said.toString();
    try { history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search); } catch { /* a file */ }
  }

  function recall() {
    const said = new URLSearchParams(location.hash.slice(1));
    search.value = said.get("q") || "";
    for (const chip of chips) chip.ariaPressed = String(said.getAll(chip.dataset.facet).includes(chip.value));
  }

  const open = (wanted) => {
    for (const branch of branches) if (!branch.hidden) branch.open = wanted || branch.open;
    for (const { element } of blocks) if (!element.hidden) element.open = wanted;
  };

  function step(by) {
    const seen = all(".part .b > summary").filter((it) => it.checkVisibility());
    const at = seen.indexOf(document.activeElement);
    const next = seen[at < 0 ? (by > 0 ? 0 : seen.length - 1) : at + by];
    if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
  }

  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 80); });
  tools.addEventListener("submit", (event) => event.preventDefault());
  for (const chip of chips) {
    chip.addEventListener("click", () => { chip.ariaPressed = String(chip.ariaPressed !== "true"); filter(); });
  }
  by("all").addEventListener("click", () => open(true));
  by("none").addEventListener("click", () => open(false));
  by("reset").addEventListener("click", () => {
    search.value = "";
    for (const chip of chips) chip.ariaPressed = "false";
    filter();
  });
  keys.addEventListener("click", () => { keys.ariaPressed = String(keys.ariaPressed !== "true"); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.activeElement === search) { search.value = ""; search.blur(); filter(); return; }
    if (keys.ariaPressed !== "true" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement === search) return;
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  });
  window.addEventListener("hashchange", () => { recall(); filter(); });
  tools.hidden = false;
  recall();
  filter();
})();
