// One pass at a time. The code comes as a message when it is asked for, stands in the page while somebody looks at it,
// and goes when they look elsewhere: another window, another tab, away with the pointer for a while, or too long.
// Text enters the page by textContent only: names in a directory are anybody's.

const SECONDS = 60; // how long a code stands there at most

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  if (tag === "button") node.setAttribute("data-lm-suppress-shortcuts", "true");
  return node;
}

function render({ model, el }) {
  const view = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  let offer = null;
  let timer = 0;
  const root = make("div", "ao-screen");
  const who = make("div", "who", "No pass is waiting.");
  const what = make("div", "what");
  const code = make("output", "code");
  const show = make("button", "show", "Show the pass");
  const handed = make("button", "handed", "Handed over");
  const not = make("button", "not", "Not handed over");
  const hint = make("div", "hint");
  const buttons = make("div", "buttons");
  buttons.append(show, handed, not);
  root.append(who, what, code, buttons, hint);
  el.append(root);

  const say = (kind) => model.send({ kind, view, number: offer ? offer.number : 0 });

  function hide(why) {
    if (!code.textContent) return;
    clearTimeout(timer);
    code.textContent = "";
    show.disabled = false;
    hint.textContent = why;
  }

  function none(words) {
    hide("");
    offer = null;
    who.textContent = words;
    what.textContent = hint.textContent = "";
    buttons.hidden = true;
  }

  function offered(told) {
    if (offer && offer.number === told.number) return;
    hide("");
    offer = told;
    who.textContent = told.name ? `${told.name} (${told.account})` : told.account;
    what.textContent = `to be given on by ${told.recipient} · ${told.times}`;
    hint.textContent = "The pass is shown while you look at it. Nobody else should see your screen.";
    buttons.hidden = false;
    show.disabled = false;
    handed.disabled = true;
  }

  function heard(told) {
    if (told.kind === "offer") offered(told);
    else if (told.kind === "done" && offer && told.number === offer.number) none("No pass is waiting.");
    else if (told.kind === "code" && told.view === view && offer && told.number === offer.number) {
      if (document.hidden || !document.hasFocus()) return; // looked away before it came
      code.textContent = told.code;
      show.disabled = true;
      handed.disabled = false;
      hint.textContent = "It goes when you look elsewhere, and after a minute.";
      timer = setTimeout(() => hide("A minute has gone by. Show it again if you need it."), SECONDS * 1000);
    }
  }

  const away = () => hide("You looked away. Show it again if you need it.");
  const hidden = () => document.hidden && away();
  show.onclick = () => say("show");
  handed.onclick = () => { hide(""); say("handed"); };
  not.onclick = () => { hide(""); say("not"); };
  none("No pass is waiting.");
  model.on("msg:custom", heard);
  window.addEventListener("blur", away);
  window.addEventListener("pagehide", away);
  document.addEventListener("visibilitychange", hidden);
  const seen = new IntersectionObserver((parts) => parts.at(-1).isIntersecting || away());
  seen.observe(code);
  say("here");
  return () => {
    hide("");
    seen.disconnect();
    model.off("msg:custom", heard);
    window.removeEventListener("blur", away);
    window.removeEventListener("pagehide", away);
    document.removeEventListener("visibilitychange", hidden);
  };
}

export default { render };
