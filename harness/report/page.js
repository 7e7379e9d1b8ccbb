(() => {
  const table = document.querySelector("table.scenarios");
  const rows = [...table.tBodies[0].rows];
  const words = document.getElementById("words");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const form = document.querySelector("form.filter");

  const filter = () => {
    const wanted = typedWords(words);
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

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  for (const button of table.querySelectorAll("button[data-sort]")) {
    button.addEventListener("click", () => sort(button));
  }
  filter(); // The browser may have kept the typed text.
  followLinks((found) => {
    if (found.matches("details.scenario")) focusCard(found);
  });
})();
