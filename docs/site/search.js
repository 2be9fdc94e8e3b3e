// Search over the sections of all pages (`sections.js`): every word of the question must be in a section's page, heading or text.
"use strict";
(() => {
  const field = document.getElementById("search");
  const found = document.getElementById("found");
  const menu = document.getElementById("menu");
  const sections = window.SECTIONS.map(([place, anchor, page, title, text]) => ({
    place, anchor, page, title, text, low: { page: page.toLowerCase(), title: title.toLowerCase(), text: text.toLowerCase() },
  }));

  function score(section, words) {
    let sum = 0;
    for (const word of words) {
      const here = (section.low.title.includes(word) ? 10 : 0) + (section.low.page.includes(word) ? 3 : 0) +
        (section.low.text.includes(word) ? 1 : 0);
      if (here === 0) return 0;
      sum += here;
    }
    return sum;
  }

  function around(section, word) {
    const at = Math.max(0, section.low.text.indexOf(word) - 40);
    return (at > 0 ? "…" : "") + section.text.slice(at, at + 110) + "…";
  }

  function item(section, words) {
    const link = document.createElement("a");
    link.href = found.dataset.top + section.place + "#" + section.anchor;
    link.textContent = section.page === section.title ? section.page : section.page + " › " + section.title;
    const some = document.createElement("small");
    some.textContent = around(section, words[0]);
    const entry = document.createElement("li");
    entry.append(link, some);
    return entry;
  }

  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
    found.hidden = words.length === 0;
    menu.hidden = words.length > 0;
    const best = sections.map((section) => [score(section, words), section]).filter(([points]) => points > 0)
      .sort(([one], [other]) => other - one).slice(0, 20);
    found.replaceChildren(...best.map(([, section]) => item(section, words)));
    if (words.length > 0 && best.length === 0) found.textContent = "Nothing found.";
  });
})();
