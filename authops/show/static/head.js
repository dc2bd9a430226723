// The head of a notebook: shows what the kernel says, asks it to stop, and comes into view when there is something to read.

const PATIENCE = 8000; // milliseconds after which a kernel that says nothing is taken for gone

function render({ model, el }) {
  const shown = document.createElement("div"), said = document.createElement("div"), stop = document.createElement("button");
  stop.type = "button";
  stop.className = "ao-stop";
  stop.textContent = "■ Stop";
  stop.title = "stop cleanly: what is in flight is settled first";
  said.setAttribute("role", "status");
  el.replaceChildren(shown, stop, said);
  let outer = null, patience = 0;

  function draw() {
    clearTimeout(patience);
    shown.innerHTML = model.get("html"); // made and escaped by authops
    stop.hidden = !model.get("stop");
    stop.disabled = model.get("asked");
    said.textContent = "";
  }

  function silent() {
    said.textContent = "The kernel does not answer: it is gone, or was restarted. Run this notebook again: it says what is still open.";
  }

  stop.addEventListener("click", () => {
    stop.disabled = true;
    patience = setTimeout(silent, PATIENCE);
    try { model.send({ do: "stop" }); } catch { silent(); }
  });

  // The notebook's own list of cells: this one may be far out of sight, and is then not even on the page.
  function sight() {
    const seen = document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer");
    return (outer = el.closest(".jp-WindowedPanel-outer") ?? outer ?? (seen.length === 1 ? seen[0] : null));
  }
  const come = () => sight()?.scrollTo({ top: 0 });
  // A tab that comes back finds what stands in the file, so that has to be in it: the person's own Ctrl S.
  function keep() {
    const mac = /Mac|iP/.test(navigator.platform), held = mac ? { metaKey: true } : { ctrlKey: true };
    const pressed = { key: "s", code: "KeyS", keyCode: 83, which: 83, bubbles: true, cancelable: true, ...held };
    document.body.dispatchEvent(new KeyboardEvent("keydown", pressed));
  }

  model.on("change:html", draw);
  model.on("change:stop", draw);
  model.on("change:asked", draw);
  model.on("change:come", come);
  model.on("change:keep", keep);
  draw();
  requestAnimationFrame(sight);
  return () => {
    clearTimeout(patience);
    for (const [name, heard] of [["html", draw], ["stop", draw], ["asked", draw], ["come", come], ["keep", keep]]) model.off(`change:${name}`, heard);
  };
}

export default { render };
