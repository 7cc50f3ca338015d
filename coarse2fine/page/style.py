"""How a page looks, and what a click on a table does."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #ffffff; --faint: #6b7280;
  --line: #d8dce2; --soft: #f4f5f7; --c0: #c8500a; --c1: #0068a8; --c2: #00795c; --c3: #a8467f;
  --c4: #8a6100; --c5: #2f7fb5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15171a; --faint: #9aa3af;
  --line: #343a42; --soft: #1f2328; --c0: #ff9a5c; --c1: #6bb8f0; --c2: #4fd0a8; --c3: #ec9cc9;
  --c4: #e6b84a; --c5: #9ad0f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; }
p, li, dd { overflow-wrap: anywhere; }
.headline { display: flex; flex-wrap: wrap; gap: .8rem; padding: 0; margin: 1rem 0; }
.headline li { list-style: none; background: var(--soft); border-radius: .5rem;
  padding: .5rem .9rem; }
.headline b { display: block; font-size: 1.4rem; }
.faint, figcaption, dt { color: var(--faint); font-size: .9rem; }
.warning { border-left: 4px solid var(--c0); background: var(--soft); padding: .6rem 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; }
th { max-width: 10rem; overflow-wrap: break-word; }
td:first-child { min-width: 8rem; }
td.number { text-align: right; white-space: nowrap; }
.sortable th { cursor: pointer; }
.sortable th[aria-sort=ascending]::after { content: " \\25B2"; }
.sortable th[aria-sort=descending]::after { content: " \\25BC"; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dd { margin: 0; }
.wide + dl { margin-top: .6rem; }
figure { margin: 1rem 0; }
svg { width: 100%; max-width: 640px; height: auto; }
svg text { fill: var(--faint); font-size: 12px; }
.grid { stroke: var(--line); } .dashed { stroke-dasharray: 4; stroke: var(--faint); }
.line { fill: none; stroke-width: 2; }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); }
.line { stroke: var(--c); } .dot { fill: var(--c); }
.d1 { stroke-dasharray: 10 4; } .d2 { stroke-dasharray: 2 3; } .d3 { stroke-dasharray: 10 3 2 3; }
.key { width: 40px; height: 4px; margin-right: .4rem; vertical-align: middle; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; margin: .2rem 0; }
.legend li { list-style: none; }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; }
.card { width: 7rem; font-size: .8rem; line-height: 1.3; }
.card img, .maps img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain;
  image-rendering: pixelated; background: var(--soft); }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: .5rem;
  margin-bottom: 1rem; font-size: .8rem; line-height: 1.3; }
.maps, .card, h3 { overflow-wrap: anywhere; }
.confusion { max-width: 100%; } .confusion image { image-rendering: pixelated; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; }
@media (max-width: 40rem) { svg text { font-size: 18px; } dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .3rem; } }
@media print { body { max-width: none; } section { break-inside: avoid-page; }
  details::details-content { content-visibility: visible; } .wide { overflow: visible; }
  table { font-size: .75rem; } th, td { padding: .2rem .4rem; } pre { white-space: pre-wrap; } }
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("th").forEach((head, column) => {
    const sort = () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      const value = row => {
        const cell = row.children[column];
        return "sort" in cell.dataset ? Number(cell.dataset.sort) : cell.textContent;
      };
      const rows = [...table.tBodies[0].rows].sort((one, other) => {
        const a = value(one), b = value(other);
        return (typeof a === "number" ? a - b : a.localeCompare(b)) * (rising ? 1 : -1);
      });
      table.querySelectorAll("th").forEach(each => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      table.tBodies[0].append(...rows);
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  });
}
const unfolded = [];  // For print, where the style cannot: of browsers of before 2025.
addEventListener("beforeprint", () => {
  unfolded.push(...document.querySelectorAll("details:not([open])"));
  unfolded.forEach(each => each.open = true);
});
addEventListener("afterprint", () => unfolded.splice(0).forEach(each => each.open = false));
"""
