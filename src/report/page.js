"use strict";
// Sorting, filtering, paging and download of the tables. Without this script
// they are readable all the same; only those of a very large report then end
// with their first rows.
const PAGE = 25;
const order = new Intl.Collator(undefined, { numeric: true });
const make = (name, text) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  return element;
};
const shownNumber = (number) => number.toLocaleString("en");
const isNull = (cell) => cell.classList.contains("u");
const exact = (cell, number) =>
  isNull(cell) ? "" : cell.dataset.v ?? (number ? cell.textContent.replaceAll(",", "") : cell.textContent);

// A spreadsheet takes a text that begins like a formula for one.
const safe = (text, number) => (!number && /^[=+\-@\t\r]/.test(text) ? "'" + text : text);
const quoted = (text) => (/[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);

function enhance(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const numbers = heads.map((head) => head.hasAttribute("data-n"));
  const all = [...body.rows];
  let shown = all;
  let page = 0;

  const above = make("div");
  above.className = "tools";
  const label = make("label", "Filter ");
  const filter = make("input");
  filter.type = "search";
  label.append(filter);
  const count = make("span");
  count.className = "dim";
  count.setAttribute("role", "status");
  above.append(label, count);
  const below = make("div");
  below.className = "tools";
  const pager = make("span");
  const range = make("span");
  const back = make("button", "Previous");
  const next = make("button", "Next");
  pager.append(range, back, next);
  const download = make("button", "Download CSV");
  back.type = next.type = download.type = "button";
  below.append(pager, download);

  const draw = () => {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(page, pages - 1);
    const first = page * PAGE;
    const on = new Set(shown.slice(first, first + PAGE));
    for (const row of all) row.classList.toggle("off", !on.has(row));
    const last = Math.min(first + PAGE, shown.length);
    range.textContent = `${shownNumber(first + 1)} to ${shownNumber(last)} of ${shownNumber(shown.length)}`;
    back.disabled = page === 0;
    next.disabled = page >= pages - 1;
    pager.classList.toggle("off", pages === 1);
    const [some, every] = [shown, all].map((rows) => shownNumber(rows.length));
    count.textContent = some === every ? "" : `${some} of ${every} rows`;
  };
  back.onclick = () => { page -= 1; draw(); };
  next.onclick = () => { page += 1; draw(); };

  filter.oninput = () => {
    const wanted = filter.value.trim().toLowerCase();
    shown = [...body.rows].filter((row) => row.textContent.toLowerCase().includes(wanted));
    page = 0;
    draw();
  };

  heads.forEach((head, at) => {
    const button = make("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      const compare = (one, two) => {
        const [a, b] = [one.cells[at], two.cells[at]];
        if (isNull(a) || isNull(b)) return isNull(a) - isNull(b);
        const [x, y] = [exact(a, numbers[at]), exact(b, numbers[at])];
        return sign * (numbers[at] ? x - y : order.compare(x, y));
      };
      const sorted = [...body.rows].sort(compare);
      body.append(...sorted);
      const kept = new Set(shown);
      shown = sorted.filter((row) => kept.has(row));
      page = 0;
      draw();
    };
  });

  download.onclick = () => {
    const lines = [heads.map((head) => quoted(safe(head.textContent, false))).join(",")];
    for (const row of shown) {
      const cells = [...row.cells].map((cell, at) => quoted(safe(exact(cell, numbers[at]), numbers[at])));
      lines.push(cells.join(","));
    }
    const link = make("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
    link.download = table.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  if (all.length > 10) table.parentElement.before(above);
  table.parentElement.after(below);
  draw();
}

// The rows that are packed behind a table, as markup of the page.
async function unpack(note) {
  const letters = atob(note.querySelector("script").textContent);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).text();
}

async function complete(table) {
  const note = table.parentElement.nextElementSibling;
  if (!note?.matches(".packed")) return enhance(table);
  // What is there already is to be seen first.
  await new Promise((done) => setTimeout(done));
  try {
    table.tBodies[0].insertAdjacentHTML("beforeend", await unpack(note));
    note.remove();
  } finally {
    enhance(table);
  }
}

// One after another: the first can be used while the others are unpacked.
async function completeAll() {
  for (const table of document.querySelectorAll("table[data-file]")) await complete(table);
}
completeAll();
