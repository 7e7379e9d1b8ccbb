(() => {
  const form = document.querySelector("form.filter");
  if (!form) return;
  const cards = [...document.querySelectorAll("details.difference")];
  const folds = [...document.querySelectorAll("details.fold")];
  const words = document.getElementById("words");
  const total = cards.reduce((sum, card) => sum + Number(card.dataset.count), 0);

  const filter = () => {
    const wanted = typedWords(words);
    const kind = form.elements.kind.value;
    let count = 0;
    for (const card of cards) {
      card.hidden = (kind !== "all" && card.dataset.kind !== kind)
        || !wanted.every((word) => card.dataset.words.includes(word));
      if (!card.hidden) count += Number(card.dataset.count);
    }
    // A folded list opens for what the filter finds there, and closes with the filter.
    const filters = kind !== "all" || wanted.length > 0;
    for (const fold of folds) {
      const found = fold.querySelector("details.difference:not([hidden])") !== null;
      fold.hidden = !found;
      if (filters || fold.dataset.filtered) fold.open = filters;
      fold.dataset.filtered = filters ? "yes" : "";
    }
    document.getElementById("shown").textContent = `${count} of ${total} shown`;
    document.getElementById("nothing").hidden = count > 0;
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  filter(); // The browser may have kept the typed text.
  followLinks((found) => {
    const card = found.closest("details.difference");
    if (!card) return;
    if (card.hidden) {
      form.reset();
      filter();
    }
    for (let one = found; one; one = one.parentElement) {
      if (one.matches("details")) one.open = true;
    }
    focusCard(card);
    if (found !== card) found.scrollIntoView({ block: "center" });
  });
})();
