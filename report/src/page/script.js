"use strict";
// Sort a table by the column whose head is clicked; once more turns it round.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((h) => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
      const order = (a, b) => (isNaN(a - b) ? String(a).localeCompare(String(b)) : a - b) * (down ? -1 : 1);
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((r, s) => order(key(r), key(s))));
    };
  });
}
// Open what a permalink points to, and all evidence on paper.
const reveal = () => {
  const target = document.getElementById(location.hash.slice(1));
  target?.querySelector("details")?.setAttribute("open", "");
  target?.closest("details")?.setAttribute("open", "");
};
addEventListener("hashchange", reveal);
reveal();
addEventListener("beforeprint", () => document.querySelectorAll(".causes details").forEach((d) => { d.open = true; }));
