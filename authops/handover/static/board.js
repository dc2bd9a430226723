// The board: whose pass waits, its code while somebody looks, and what became of it.
// A code comes sealed to a key that is made for one look and cannot leave the browser. It is never put into the widget's
// state; what goes when somebody looks away is asked for anew.

const BEAT = 2000; // milliseconds after which the kernel is asked whether it is there
const MISSED = 3; // answers that did not come after which a code goes
const ALGORITHM = { name: "RSA-OAEP", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
const LETTERS = "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu".split(" ");
const DIGITS = "zero one two three four five six seven eight nine".split(" ");
const SIGNS = {
  "!": "exclamation mark", "@": "at", "#": "hash", $: "dollar", "%": "percent", "^": "caret", "&": "ampersand", "*": "asterisk",
  "(": "opening bracket", ")": "closing bracket", "-": "hyphen", _: "underscore", "=": "equals", "+": "plus", "?": "question mark",
  "/": "slash", "\\": "backslash", ".": "full stop", ",": "comma", ":": "colon", ";": "semicolon", "|": "vertical bar", "~": "tilde",
  "<": "less than", ">": "greater than", "[": "opening square bracket", "]": "closing square bracket", "{": "opening brace",
  "}": "closing brace", "'": "apostrophe", '"': "quotation mark", "`": "backtick", " ": "space",
};
const ALIKE = new Set("0OoQD1lIi|5Ss2Zz8B6bG9gq"); // what is taken for another when it is read

// How a character is said: "capital Kilo", "romeo", "zero, a digit".
function spelled(one) {
  const at = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".indexOf(one.toUpperCase());
  if (at >= 0) {
    const said = one === one.toUpperCase() ? `capital ${LETTERS[at]}` : `small ${LETTERS[at].toLowerCase()}`;
    return ALIKE.has(one) ? `${said}, a letter` : said;
  }
  if (/[0-9]/.test(one)) return ALIKE.has(one) ? `${DIGITS[Number(one)]}, a digit` : DIGITS[Number(one)];
  return SIGNS[one] ?? `sign ${one.codePointAt(0)}`;
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

function initialize({ model }) {
  const view = `v${crypto.getRandomValues(new Uint32Array(2)).join("-")}`; // this page among others of the same notebook
  const secure = window.isSecureContext && !!crypto.subtle;
  let card = null, key = null, shown = false, copied = false, seen = false, missed = 0, beat = 0, until = 0;

  const OURS = { "data-lm-suppress-shortcuts": "true" };
  const button = (label, title, onclick, css = "") => make("button", { type: "button", title, class: css, onclick, ...OURS }, label);
  const title = make("h2", { id: `${view}-t` }), facts = make("dl");
  const code = make("div", { class: "code", tabindex: "0", role: "group", "aria-label": "the code, character by character", translate: "no", ...OURS });
  const note = make("p", { class: "note", role: "status" });
  const show = button("Show the code", "it goes when you look away", () => (shown ? cover("Covered.") : ask()), "main");
  const copy = button("Copy", "", toClipboard);
  const copying = make("p", { class: "dim" }, "A copy is out of our hands: this page empties the clipboard when you come back to it or say what became of the code, but a clipboard's history, and other machines it is shared with, keep theirs.");
  const next = button("Handed over, next", "the next pass is made then", () => say("given"), "yes");
  const stop = button("Handed over, and stop", "no other pass is made; run the notebook again to go on", () => say("given-and-stop"));
  const not = button("Could not give it", "this pass is deleted, and the next one is made", () => say("not-given"), "no");
  const notStop = button("Could not give it, and stop", "this pass is deleted, and no other is made", () => say("not-given-and-stop"), "no");
  const dialog = make("dialog", { class: "ao-board notranslate", translate: "no", "aria-labelledby": `${view}-t`, ...OURS },
    title, facts, code, make("div", { class: "bar" }, show, copy), copying, note, make("div", { class: "bar end" }, next, stop, not, notStop));
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); cover("Covered."); });
  dialog.addEventListener("keydown", (event) => event.stopPropagation());

  function tell(message) {
    try { model.send({ view, ...message }); } catch { away(); }
  }

  function words(node, text) { node.textContent = text; }

  function dealt(message) {
    if (card?.turn === message.turn) return;
    cover("");
    card = message;
    words(title, `Pass ${card.number} of ${card.of}: ${card.name}`);
    const rows = [["account", card.account], ["through", card.recipient], ["usable", `${card.starts} to ${card.expires}`], ["serves", card.once ? "one sign-in" : "until it ends"]];
    facts.replaceChildren(...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
    seen = card.seen;
    able(true);
    copying.hidden = copy.hidden = !card.copy;
    missed = 0;
    clearInterval(beat);
    beat = setInterval(beating, BEAT);
    if (!dialog.isConnected) document.body.append(dialog);
    if (!dialog.open) dialog.showModal();
    show.focus();
    words(note, "The code is covered. Show it when the person is there, and nobody else looks.");
  }

  function able(on) {
    for (const node of [show, copy, not, notStop]) node.disabled = !on;
    next.disabled = stop.disabled = !on || !seen;
  }

  // The kernel answers, or it is gone, and what it made with it. Counted, not timed: a hidden page is woken seldom.
  function beating() {
    missed += 1;
    if (missed > MISSED) {
      cover("The kernel does not answer: it is gone, or was restarted. Run the notebook again: it replaces or deletes this pass.");
      able(false);
    }
    if (missed > 4 * MISSED) away();
    else tell({ do: "beat", turn: card.turn });
  }

  async function ask() {
    const turn = card.turn;
    show.disabled = true;
    try {
      const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["encrypt", "decrypt"]);
      key = pair.privateKey;
      tell({ do: "show", turn, key: base64(await crypto.subtle.exportKey("spki", pair.publicKey)) });
    } catch { cover("This browser cannot take a sealed code."); }
    show.disabled = false;
  }

  const looking = () => document.visibilityState === "visible" && document.hasFocus();

  async function opened(message) {
    const mine = key;
    key = null; // for one look
    if (!mine || message.view !== view || message.turn !== card?.turn) return;
    let plain;
    try { plain = new Uint8Array(await crypto.subtle.decrypt({ name: "RSA-OAEP" }, mine, bytes(message.sealed))); } catch { cover("The code did not come whole: show it again."); return; }
    if (looking() && message.turn === card?.turn) uncover(plain);
    else cover("You looked away before the code was there: show it again.");
    plain.fill(0);
  }

  function uncover(plain) {
    const signs = [...new TextDecoder().decode(plain)];
    const cell = (one) => make("span", { class: ALIKE.has(one) ? "sign alike" : "sign" }, make("b", { "aria-hidden": "true" }, one), make("small", {}, spelled(one)));
    const groups = [];
    for (let at = 0; at < signs.length; at += 4) groups.push(make("span", { class: "four" }, ...signs.slice(at, at + 4).map(cell)));
    code.replaceChildren(...groups);
    shown = seen = true;
    able(true);
    words(show, "Cover it");
    words(note, `It goes when you look away, and after ${card.seconds} s.`);
    until = setTimeout(() => cover("Covered: its time is over."), card.seconds * 1000);
    code.focus();
    tell({ do: "seen", turn: card.turn });
  }

  function cover(why) {
    clearTimeout(until);
    key = null;
    for (const node of code.querySelectorAll("b, small")) node.firstChild.data = "";
    code.replaceChildren();
    if (shown) show.focus();
    shown = false;
    words(show, "Show the code");
    if (why) words(note, why);
  }

  const lookedAway = () => { if (shown || key) cover("You looked away, and the code is gone from this page. Show it again when you are back."); };
  const hidden = () => { if (document.visibilityState !== "visible") lookedAway(); };

  async function toClipboard() {
    const text = [...code.querySelectorAll("b")].map((node) => node.textContent).join("");
    if (!text) return words(note, "Show the code first.");
    try { await navigator.clipboard.writeText(text); copied = true; words(note, "Copied. It is in the clipboard until you come back here."); } catch { words(note, "This browser does not let the page copy."); }
  }

  async function emptied() {
    if (!copied) return;
    try { await navigator.clipboard.writeText(""); copied = false; } catch { words(note, "The clipboard could not be emptied: copy something else over it."); }
  }

  async function say(what) {
    const turn = card.turn;
    cover("");
    await emptied();
    tell({ do: what, turn });
    words(note, "Said; waiting for the kernel.");
  }

  function away() {
    clearInterval(beat);
    cover("");
    card = null;
    for (const node of [title, facts, note]) node.replaceChildren();
    if (dialog.open) dialog.close();
    dialog.remove();
  }

  function told(message) {
    if (missed > MISSED && card) able(true);
    missed = 0;
    if (message.what === "anybody") tell({ do: "here", secure });
    else if (message.what === "card") dealt(message);
    else if (message.what === "away" && (!card || message.turn === card.turn)) away();
    else if (message.what === "code") message.view === view ? opened(message) : cover("It is shown on another page of this notebook.");
  }

  const heardOf = [[window, "blur", lookedAway], [window, "pagehide", lookedAway], [window, "focus", emptied], [document, "visibilitychange", hidden], [document, "freeze", lookedAway]];
  for (const [where, name, what] of heardOf) where.addEventListener(name, what);
  model.on("msg:custom", told);
  tell({ do: "here", secure });
  return () => {
    away();
    model.off("msg:custom", told);
    for (const [where, name, what] of heardOf) where.removeEventListener(name, what);
  };
}

export default { initialize };
