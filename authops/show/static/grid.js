// The review grid's face. Rows and decisions live in the kernel; here are the sixty rows in sight, and what was clicked.
// Text enters the page by textContent only: names in a directory are anybody's.

const ROW = 40; // height of a row in pixels, as in grid.css
const OVER = 16; // rows kept ready above and below what is in sight
const LONG = 30; // letters of a value beyond which it is a sentence, and no number
const TALLEST = 8e6; // browsers lose precision beyond some ten million pixels
const GLYPHS = { open: "☐", approved: "☑", excluded: "☒", "": "" };
const FACETS = ["method", "undo", "reason", "domain", "department", "attention", "decision"];
const HEADS = {
  decision: "✓", action: "action", line: "line", user: "user", department: "department", method: "method", undo: "undo",
  before: "before", after: "after", reason: "reason",
};
const KEYS = [
  ["↑ ↓ PgUp PgDn Home End", "move"], ["Shift + those, or Shift-click", "select a range"],
  ["Ctrl-click", "add a row to the selection"], ["Ctrl A", "select all that match"],
  ["Space", "approve, or exclude what is approved"], ["a", "approve"], ["x", "exclude, with the note that stands there"],
  ["o", "leave open again"], ["n", "write a note; Enter excludes with it"], ["z", "take the last decision back"],
  ["r", "show or hide the full numbers of the selection"], ["/", "search; Enter goes on to the rows, Esc clears it first"],
];

// What stands on an element holds JupyterLab's shortcuts off it; on what is around it that is too late.
const OURS = new Set(["button", "input", "select", "summary"]);
const PATIENCE = 8000; // milliseconds after which a kernel that says nothing is taken for busy or gone

const number = (n) => Number(n).toLocaleString("en-US");

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (OURS.has(tag) || "tabindex" in attributes) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// Rows of one person, or of one reason, stand together; what repeats the row above is shown once.
const GROUPS = [["", "in the plan's order"], ["user", "one block a person"], ["reason", "one block a reason"]];

function toolbar(hello, act) {
  const search = make("input", {
    type: "search", class: "search", placeholder: "Search  ( / )", "aria-label": "search", spellcheck: "false",
    oninput: () => act.filter(150),
    onkeydown: (event) => {
      if (event.key === "Escape") search.value = "";
      if (event.key === "Escape" || event.key === "Enter") { act.filter(0); act.focus(); }
    },
  });
  const selects = {};
  for (const name of FACETS) {
    const values = hello.facets[name];
    if (!values || !values.length) continue;
    selects[name] = make("select", { "aria-label": name, onchange: () => act.filter(0) },
      make("option", { value: "\u0000" }, `${name}: all`),
      ...values.map(([value, label, count]) => make("option", { value }, count ? `${label} (${number(count)})` : label)),
      hello.more[name] && make("option", { disabled: true }, `… and ${number(hello.more[name])} more: search for them`));
  }
  const chips = {};
  for (const [value, label] of hello.facets.action) {
    chips[value] = make("button", {
      type: "button", class: `chip ${value}`, "aria-pressed": "false", "data-label": label,
      onclick: (event) => {
        const pressed = event.currentTarget.getAttribute("aria-pressed") === "true";
        event.currentTarget.setAttribute("aria-pressed", String(!pressed));
        act.filter(0);
      },
    }, label);
  }
  const group = make("select", { "aria-label": "group", onchange: () => act.group(group.value) },
    ...GROUPS.map(([value, label]) => make("option", { value }, label)));
  const clear = make("button", { type: "button", onclick: () => act.clear() }, "Clear filters");
  return { search, selects, chips, group, clear };
}

function render({ model, el }) {
  const hello = model.get("hello");
  const columns = hello.columns;
  const cache = new Map(); // position in the view → row
  const id = `ao-${Math.random().toString(36).slice(2)}`; // the same grid may stand on a page twice
  let view = -1, rev = -1, total = 0, state = null;
  let cursor = 0, anchor = 0, ranges = [[0, 1]];
  let asked = null, waiting = false, fresh = true, timer = 0, frame = 0, patience = 0, gone = false;

  const act = { filter, clear, group: (column) => tell({ do: "group", column, from: 0 }), focus: () => body.focus({ preventScroll: true }) };
  const bar = toolbar(hello, act);
  const button = (label, title, onclick, css = "", name = null) => make("button", { type: "button", title, class: css, "aria-label": name, onclick }, label);
  const approveAll = button("Approve", "approve all that match; what was excluded stays excluded", () => decide("approve", true), "yes", "Approve all that match");
  const excludeAll = button("Exclude", "exclude all that match", () => decide("exclude", true), "no", "Exclude all that match");
  const approveSome = button("Approve", "a", () => decide("approve"), "yes", "Approve the selected");
  const excludeSome = button("Exclude", "x", () => decide("exclude"), "no", "Exclude the selected");
  const reopenSome = button("Reopen", "o", () => decide("reopen"), "", "Reopen the selected");
  const undo = button("Take back", "z: take the last decision back", () => tell({ do: "undo" }));
  const reveal = button("Show full numbers", "", () => tell({ do: "reveal", all: !state.revealed }));
  const matching = make("span", { class: "what" }), chosen = make("span", { class: "what" });
  const why = make("input", {
    class: "why", placeholder: "Why exclude? Kept with what is excluded  ( n )", maxlength: 500, "aria-label": "note of an exclusion",
    onkeydown: (event) => {
      if (event.key === "Enter") { decide("exclude"); act.focus(); }
      if (event.key === "Escape") act.focus();
    },
  });
  const counts = make("span", { class: "counts" }), match = make("span", { class: "match" });
  const status = make("div", { class: "status", role: "status", "aria-live": "polite" }, counts, match);
  const heads = columns.map((name) => make("button", {
    type: "button", role: "columnheader", class: `h ${name}`, "data-column": name,
    onclick: () => tell({ do: "sort", column: name }),
  }, HEADS[name]));
  const sheet = make("div", { class: "sheet" });
  const body = make("div", {
    class: "body", tabindex: "0", role: "grid", "aria-label": "changes", "aria-multiselectable": "true",
    onscroll: soon, onkeydown: pressed,
  }, make("div", { class: "heads", role: "row" }, ...heads, make("span", { class: "h eye" })), sheet);
  const note = make("input", {
    class: "why", placeholder: "Ticket, or why", maxlength: 500, "aria-label": "note of the approval",
    onchange: () => tell({ do: "ticket", note: note.value }),
  });
  const lost = make("input", {
    class: "lost", placeholder: "how many?", maxlength: 9, inputmode: "numeric", autocomplete: "off",
    "aria-label": "how many cannot be taken back", hidden: true,
    onkeydown: (event) => { if (event.key === "Enter") keep(); },
  });
  const sealing = make("div", { class: "sealing", role: "status" });
  const save = button("Save approval", "write approval.json", keep, "save");
  const saved = make("div", { class: "saved", role: "status" });
  const keys = make("details", {}, make("summary", {}, "Keys"),
    make("dl", {}, ...KEYS.flatMap(([key, what]) => [make("dt", {}, key), make("dd", {}, what)])));
  const root = make("div", { class: "ao-grid", "data-lm-suppress-shortcuts": "true" },
    make("div", { class: "bar" }, ...Object.values(bar.chips)),
    make("div", { class: "bar finders" }, bar.search, ...Object.values(bar.selects), bar.group, bar.clear),
    make("div", { class: "bar" },
      make("span", { class: "group" }, matching, approveAll, excludeAll),
      make("span", { class: "group" }, chosen, approveSome, excludeSome, reopenSome)),
    make("div", { class: "bar" }, why, undo, reveal), status, body, make("div", { class: "bar" }, sealing, lost, note, save, saved), keys);
  for (const name of ["line", "department", "undo"]) root.classList.toggle(`no-${name}`, !columns.includes(name));
  el.replaceChildren(root);
  able(false); // until the kernel tells what it remembers: a click before that would be overwritten

  // to the kernel and back

  function sight() {
    const tall = Math.min(total * ROW, TALLEST), room = Math.max(body.clientHeight - ROW, ROW);
    const most = Math.max(tall - room, 1), share = Math.min(body.scrollTop / most, 1);
    const exact = tall < total * ROW ? share * (total - room / ROW) : body.scrollTop / ROW;
    const from = Math.max(0, Math.floor(exact) - OVER);
    const to = Math.min(total, Math.ceil(exact + room / ROW) + OVER);
    return { tall, room, exact, from, to };
  }

  function tell(message) {
    if (timer) search(); // what stands in the filters holds first; the kernel refuses what was meant for other rows
    const { from, to } = sight();
    send({ from, count: Math.max(to - from, 60), view, ...message });
  }

  function send(message) {
    if (gone) return;
    try { model.send(message); } catch { alone(); return; }
    if (!patience) patience = setTimeout(alone, PATIENCE);
  }

  // the kernel is silent: nothing that is clicked now would be kept
  function alone() {
    clearTimeout(patience);
    patience = 0;
    gone = true;
    root.classList.add("gone");
    able(false);
    saved.className = "saved remove";
    saved.textContent = "! The kernel does not answer: it is busy, or gone. Nothing clicked since is saved. When it is there again, run this cell again; what was decided before is taken up.";
  }

  function back() {
    gone = false;
    root.classList.remove("gone");
    able(true);
  }

  function able(on) {
    for (const node of root.querySelectorAll("button, input, select")) node.disabled = !on;
  }

  function look(from, to) {
    asked = [from, to];
    if (waiting) return;
    waiting = true;
    send({ do: "look", from, count: to - from, view });
    asked = null;
  }

  function heard(reply) {
    if (reply.what !== "rows") return;
    clearTimeout(patience);
    patience = 0;
    if (gone) back();
    if (reply.looked) waiting = false;
    const first = fresh && reply.looked;
    const other = reply.view !== view;
    if (reply.rev !== rev) cache.clear();
    ({ view, rev, total } = reply);
    state = reply.state;
    reply.rows.forEach((row, index) => cache.set(reply.from + index, row));
    if (reply.rows.some((row) => row.action !== "problem" && Math.max(row.before.length, row.after.length) > LONG)) root.classList.add("long-values");
    body.style.setProperty("--rows", state.all);
    if (other) { cursor = anchor = 0; ranges = total ? [[0, 1]] : []; body.scrollTop = 0; }
    if (first) { fresh = false; able(true); remembered(); }
    controls();
    paint();
    if (asked && !waiting) look(...asked);
  }

  function filters() {
    const found = {};
    for (const [name, select] of Object.entries(bar.selects)) if (select.value !== "\u0000") found[name] = [select.value];
    const actions = Object.entries(bar.chips).filter(([, chip]) => chip.getAttribute("aria-pressed") === "true");
    if (actions.length) found.action = actions.map(([value]) => value);
    return found;
  }

  function filter(delay) {
    clearTimeout(timer);
    timer = setTimeout(search, delay);
  }

  function search() {
    clearTimeout(timer);
    timer = 0;
    tell({ do: "filter", filters: filters(), words: bar.search.value, from: 0 });
  }

  function clear() {
    bar.search.value = "";
    for (const select of Object.values(bar.selects)) select.value = "\u0000";
    for (const chip of Object.values(bar.chips)) chip.setAttribute("aria-pressed", "false");
    filter(0);
  }

  function decide(what, all = false) {
    tell({ do: "decide", act: what, note: why.value, ranges: all ? null : ranges });
    if (what === "exclude") why.value = ""; // the next people are excluded for a reason of their own
  }

  // what was typed counts for one save: the next one asks again
  function keep() {
    tell({ do: "save", note: note.value, number: lost.value });
    lost.value = "";
  }

  function turn() {
    const excludes = cache.get(cursor)?.state === "approved";
    tell({ do: "decide", act: "turn", ranges, at: cursor, note: why.value });
    if (excludes) why.value = "";
  }

  // the rows

  function soon() {
    if (!frame) frame = requestAnimationFrame(() => { frame = 0; paint(); });
  }

  function paint() {
    const { tall, exact, from, to } = sight();
    sheet.style.height = `${tall}px`;
    const top = body.scrollTop - (exact - from) * ROW;
    const drawn = [];
    let missing = false;
    for (let at = from; at < to; at++) {
      const row = cache.get(at);
      missing ||= !row;
      const node = row ? line(row, at) : make("div", { class: "row wait" }, "…");
      node.style.transform = `translateY(${top + (at - from) * ROW}px)`;
      drawn.push(node);
    }
    if (!total) drawn.push(make("div", { class: "row wait" }, "Nothing matches."));
    sheet.replaceChildren(...drawn);
    body.setAttribute("aria-rowcount", total);
    if (from <= cursor && cursor < to) body.setAttribute("aria-activedescendant", `${id}-${cursor}`);
    else body.removeAttribute("aria-activedescendant");
    if (missing) look(from, to);
  }

  function line(row, at) {
    const cells = {
      decision: [make("span", { class: "glyph" }, GLYPHS[row.state])],
      action: [make("b", { class: "sign" }, row.sign), row.action],
      line: [row.line ? number(row.line) : ""],
      user: two(row.user, row.name),
      department: [row.department],
      method: row.method.split(/(?=[A-Z])/).flatMap((word, n) => (n ? [make("wbr"), word] : [word])),
      undo: [row.undo],
      before: [value(row.before)],
      after: [value(row.after)],
      reason: two(row.reason, said(row), row.note || row.remark ? "mark" : ""),
    };
    const parts = columns.map((name) => make("div", { class: `c ${name}`, role: "gridcell", title: name === "reason" || name === "user" ? [...cells[name]].map((n) => n.textContent ?? n).join(" · ") : null }, ...cells[name]));
    const eye = row.before || row.after ? make("div", { class: "c eye", role: "gridcell", title: "r: show or hide the full number" }, row.shown ? "◉" : "◎") : make("div", { class: "c eye" });
    const above = cache.get(at - 1), same = (key) => above && row[key] && above[key] === row[key];
    const block = `${same("user") ? "" : " first"}${state?.sorted === "reason" && same("reason") ? " same-reason" : ""}`;
    return make("div", {
      class: `row ${row.action} is-${row.state || "fixed"}${row.undo === "never" ? " never" : ""}${block}${within(at) ? " selected" : ""}${at === cursor ? " cursor" : ""}`,
      id: `${id}-${at}`, role: "row", "aria-rowindex": at + 1, "aria-selected": String(within(at)), "data-at": at,
      "aria-label": `${row.action} ${row.user} ${row.method}, ${row.before || "none"} → ${row.after || "none"}, ${row.state}${row.undo === "never" ? ", cannot be taken back" : ""}`,
    }, ...parts, eye);
  }

  function said(row) {
    return [row.note ? `✎ ${row.note}` : row.remark, row.ticket].filter(Boolean).join(" · ");
  }

  function two(first, second, css = "") {
    return [make("div", {}, first), ...(second ? [make("small", { class: css }, second)] : [])];
  }

  function value(text) {
    const css = text.length > LONG ? "v long" : "v";
    const read = css === "v" ? text : text.replace(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:00)?Z/g, "$1 $2 UTC");
    return make("span", { class: text ? css : "none", title: css === "v" ? null : text }, read || "none");
  }

  // the selection: ranges [from, to) of positions in the view

  function within(at) {
    return ranges.some(([a, b]) => a <= at && at < b);
  }

  function toggle(at) {
    ranges = within(at)
      ? ranges.flatMap(([a, b]) => (a <= at && at < b ? [[a, at], [at + 1, b]] : [[a, b]]).filter(([x, y]) => x < y))
      : [...ranges, [at, at + 1]];
    cursor = anchor = at;
  }

  function move(to, extend) {
    cursor = Math.max(0, Math.min(total - 1, to));
    if (!extend) anchor = cursor;
    ranges = [[Math.min(anchor, cursor), Math.max(anchor, cursor) + 1]];
    const { tall, room, exact } = sight();
    const seen = Math.floor(room / ROW);
    let first = null;
    if (cursor < Math.ceil(exact)) first = cursor;
    else if (cursor >= Math.floor(exact) + seen) first = cursor - seen + 1;
    if (first !== null) body.scrollTop = tall < total * ROW ? (first / (total - room / ROW)) * (tall - room) : first * ROW;
    controls();
    paint();
  }

  sheet.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); });
  sheet.addEventListener("click", (event) => {
    const node = event.target.closest("[data-at]");
    if (!node) return;
    const at = Number(node.dataset.at), cell = event.target.closest(".c");
    act.focus();
    if (cell?.classList.contains("decision")) {
      move(at, false);
      turn();
    } else if (cell?.classList.contains("eye") && cell.textContent) {
      tell({ do: "reveal", ranges: [[at, at + 1]], on: !cache.get(at)?.shown });
    } else if (event.ctrlKey || event.metaKey) {
      toggle(at);
      controls();
      paint();
    } else move(at, event.shiftKey);
  });

  function pressed(event) {
    if (event.target !== body) return;
    const page = Math.max(1, Math.floor(sight().room / ROW) - 1);
    const moves = { ArrowUp: cursor - 1, ArrowDown: cursor + 1, PageUp: cursor - page, PageDown: cursor + page, Home: 0, End: total - 1 };
    const command = event.ctrlKey || event.metaKey;
    const deeds = {
      " ": turn, a: () => decide("approve"), x: () => decide("exclude"), o: () => decide("reopen"),
      z: () => tell({ do: "undo" }), n: () => why.focus(), "/": () => bar.search.select(),
      r: () => tell({ do: "reveal", ranges, on: !cache.get(cursor)?.shown }),
    };
    if (event.key in moves && !event.altKey) move(moves[event.key], event.shiftKey);
    else if (command && event.key === "a") { ranges = total ? [[0, total]] : []; controls(); paint(); }
    else if (!command && !event.altKey && event.key in deeds) deeds[event.key]();
    else if (!(command && ["s", "z"].includes(event.key))) return; // the browser's own, but for save and undo
    event.preventDefault();
    event.stopPropagation();
  }

  // counts and buttons

  function controls() {
    if (!state) return;
    const selected = ranges.reduce((sum, [a, b]) => sum + b - a, 0);
    matching.textContent = `All that match (${number(state.deciding)}):`;
    chosen.textContent = `Selected (${number(selected)}):`;
    for (const node of [approveAll, excludeAll]) node.disabled = !state.deciding || !!state.closed;
    for (const node of [approveSome, excludeSome, reopenSome]) node.disabled = !selected || !!state.closed;
    undo.disabled = !state.decided || !!state.closed;
    for (const node of [note, why, save, lost]) node.disabled = !!state.closed;
    sealing.textContent = state.closed || state.sealing;
    lost.hidden = !state.lost || !!state.closed;
    if (document.activeElement !== note) note.value = state.note;
    reveal.textContent = state.revealed ? "Hide numbers" : "Show full numbers";
    reveal.setAttribute("aria-pressed", String(state.revealed));
    for (const [value, chip] of Object.entries(bar.chips)) {
      const count = state.counts[value] ?? { all: 0 };
      const done = "approved" in count && hello.writes.includes(value) ? `${number(count.approved)}/` : "";
      chip.textContent = `${chip.dataset.label} ${done}${number(count.all)}`;
    }
    counts.textContent = state.said;
    match.textContent = ` · ${number(total)} of ${number(state.all)} rows match`;
    bar.group.value = GROUPS.some(([value]) => value === state.sorted) ? state.sorted : "";
    saved.textContent = state.notice;
    saved.className = `saved ${state.kind}`;
    for (const head of heads) {
      const mine = head.dataset.column === state.sorted;
      head.setAttribute("aria-sort", mine ? (state.descending ? "descending" : "ascending") : "none");
    }
  }

  // what the kernel remembers of an earlier view of the same cell
  function remembered() {
    bar.search.value = state.words;
    for (const [name, select] of Object.entries(bar.selects)) select.value = state.filters[name]?.[0] ?? "\u0000";
    for (const [value, chip] of Object.entries(bar.chips)) {
      chip.setAttribute("aria-pressed", String((state.filters.action ?? []).includes(value)));
    }
  }

  model.on("msg:custom", heard);
  const watch = new ResizeObserver(soon);
  watch.observe(body);
  heard(hello.first);
  remembered();
  send({ do: "look", from: 0, count: 60, view }); // a reloaded page is told what was done since
  return () => { clearTimeout(patience); model.off("msg:custom", heard); watch.disconnect(); };
}

export default { render };
