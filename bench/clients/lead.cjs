// Loaded before a client whose addresses are fixed: what is meant for Microsoft's login and for Graph goes to the demo tenant.
const https = require("node:https");
const here = new URL(process.env.GRAPH);
const fixed = new Set(["login.microsoftonline.com", "graph.microsoft.com"]);

function led(options) {
  const name = options.hostname ?? String(options.host ?? "").split(":")[0];
  if (!fixed.has(name)) return options;
  const headers = { ...options.headers, host: here.host };
  delete headers.Host;
  return { ...options, host: here.hostname, hostname: here.hostname, port: here.port, servername: "localhost", headers, agent: undefined };
}

function asked(first, second) {
  const url = typeof first === "string" ? new URL(first) : first instanceof URL ? first : null;
  const own = typeof second === "function" ? {} : second ?? {};
  if (!url) return first;
  return { protocol: url.protocol, hostname: url.hostname, port: url.port, path: url.pathname + url.search, ...own };
}

for (const name of ["request", "get"]) {
  const plainly = https[name];
  https[name] = (first, second, third) => {
    const done = typeof second === "function" ? second : third;
    return plainly.call(https, led(asked(first, second)), done);
  };
}

const fetched = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const url = new URL(typeof input === "string" || input instanceof URL ? input : input.url);
  if (!fixed.has(url.hostname)) return fetched(input, init);
  return fetched(new URL(url.pathname + url.search, here), init ?? input);
};
