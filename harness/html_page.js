"use strict";
const typedWords = (field) => field.value.toLowerCase().split(/\s+/).filter(Boolean);

const focusCard = (card) => {
  card.open = true;
  card.querySelector("summary").focus({ preventScroll: true });
  card.scrollIntoView({ block: "start" });
};

// Call `open` with the element that the address names: now, and after each click on a link to an element.
const followLinks = (open) => {
  const follow = () => {
    const found = location.hash && document.getElementById(location.hash.slice(1));
    if (found) open(found);
  };
  // A second click on the same link does not change the hash, so no hashchange event follows.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) follow();
  });
  window.addEventListener("hashchange", follow);
  follow();
};
