"use strict";
(() => {
  const table = document.querySelector("table.scenarios");
  const rows = [...table.tBodies[0].rows];
  const words = document.getElementById("words");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const form = document.querySelector("form.filter");

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcome = form.elements.outcome.value;
    let count = 0;
    for (const row of rows) {
      const fits = (outcome === "all" || row.dataset.outcome === outcome)
        && wanted.every((word) => row.dataset.words.includes(word));
      row.hidden = !fits;
      document.getElementById(row.dataset.id).hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} shown`;
    nothing.hidden = count > 0;
    table.hidden = count === 0;
  };

  const sort = (button) => {
    const head = button.closest("th");
    const key = button.dataset.sort;
    const falling = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const order = (a, b) => key === "seconds"
      ? a.dataset.seconds - b.dataset.seconds
      : a.dataset[key].localeCompare(b.dataset[key]);
    rows.sort((a, b) => (falling ? order(b, a) : order(a, b)));
    table.tBodies[0].append(...rows);
  };

  // A link to a scenario opens the scenario and moves the keyboard focus there.
  const open = () => {
    const found = document.getElementById(location.hash.slice(1));
    if (!found || !found.matches("details.scenario")) return;
    found.open = true;
    found.querySelector("summary").focus({ preventScroll: true });
    found.scrollIntoView({ block: "start" });
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  for (const button of table.querySelectorAll("button[data-sort]")) {
    button.addEventListener("click", () => sort(button));
  }
  // A second click on the same link does not change the hash, so no hashchange event follows.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#s']");
    if (link && link.hash === location.hash) open();
  });
  window.addEventListener("hashchange", open);
  filter(); // The browser may have kept the typed text.
  open();
})();
