// The JavaScript Graph client, signed in by msal-node or by @azure/identity: one JSON line for each operation.
import { readFileSync } from "node:fs";
import { createHash, X509Certificate } from "node:crypto";
import { Client } from "@microsoft/microsoft-graph-client";
import { ConfidentialClientApplication, PublicClientApplication } from "@azure/msal-node";
import { ClientCertificateCredential } from "@azure/identity";

const place = JSON.parse(readFileSync(process.env.PLACE));
const pem = readFileSync(place.certificate_path, "utf8");
const thumbprintSha256 = createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");
const scopes = [`${place.graph_url}/.default`];
const host = new URL(place.graph_url).host;
const authority = `${place.authority_url}/${place.tenant_id}`;

async function msal() {
  const auth = {
    clientId: place.client_id, authority, knownAuthorities: [host],
    clientCertificate: { thumbprintSha256, privateKey: pem },
  };
  return (await new ConfidentialClientApplication({ auth }).acquireTokenByClientCredential({ scopes })).accessToken;
}

async function device() {
  const app = new PublicClientApplication({ auth: { clientId: place.client_id, authority, knownAuthorities: [host] } });
  const deviceCodeCallback = (told) => {
    const body = new URLSearchParams({ otc: told.userCode, user: place.person, answer: "accept" });
    return fetch(told.verificationUri, { method: "POST", body });
  };
  return (await app.acquireTokenByDeviceCode({ scopes, deviceCodeCallback })).accessToken;
}

async function identity() {
  const credential = new ClientCertificateCredential(place.tenant_id, place.client_id,
    { certificatePath: place.certificate_path }, { authorityHost: place.authority_url, disableInstanceDiscovery: true });
  return (await credential.getToken(scopes)).token;
}

async function step(name, what) {
  try {
    await what();
    console.log(JSON.stringify([name, "ok"]));
  } catch (error) {
    console.log(JSON.stringify([name, `${error.code ?? ""} ${error.message ?? error}`.trim().slice(0, 200)]));
  }
}

function expect(seen, wanted) {
  if (seen !== wanted) throw new Error(`saw ${JSON.stringify(seen)} instead of ${JSON.stringify(wanted)}`);
}

let token;
await step("sign in", async () => { token = await { msal, device, identity }[process.argv[2]](); });
const graph = Client.init({
  authProvider: (done) => done(null, token), baseUrl: place.graph_url, customHosts: new Set([new URL(place.graph_url).hostname]),
});
const phones = `/users/${place.ada}/authentication/phoneMethods`;
const mobile = `${phones}/3179e48a-750b-4051-897c-87b9720928f7`;
await step("list", async () => {
  const page = await graph.api("/users").select("id,displayName").top(5).get();
  expect(page.value.length, 5);
});
await step("read", async () => expect((await graph.api(`/users/${place.ada}`).get()).displayName, "Ada Empty"));
await step("add", async () => {
  expect((await graph.api(phones).post({ phoneNumber: "+31 612345678", phoneType: "mobile" })).phoneType, "mobile");
});
await step("change", async () => {
  await graph.api(mobile).patch({ phoneNumber: "+31 612345679" });
  expect((await graph.api(mobile).get()).phoneNumber, "+31 612345679");
});
await step("delete", async () => {
  await graph.api(mobile).delete();
  expect((await graph.api(phones).get()).value.length, 0);
});
await step("batch", async () => {
  const requests = [{ id: "1", method: "GET", url: "/users?$top=1" }, { id: "2", method: "GET", url: phones }];
  const answers = (await graph.api("/$batch").post({ requests })).responses;
  expect(answers.map((a) => a.status).join(), "200,200");
});
await step("report", async () => {
  const page = await graph.api("/reports/authenticationMethods/userRegistrationDetails").get();
  expect(page.value.length > 0, true);
});
