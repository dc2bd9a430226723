"""Drive real Graph clients against the demo tenant, and write the table into docs/demo-tenant.md.

`python -m bench.clients.drive FOLDER` makes `FOLDER` the clients' environment, or uses it (npm and pip; minutes at
first). Not part of the tests: it needs npm.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from authops.demo.wire.server import Threaded

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[1] / "docs" / "demo-tenant.md"
OPERATIONS: Final = ("sign in", "list", "read", "add", "change", "delete", "batch", "report", "doctor")
NPM: Final = ("@azure/msal-node", "@microsoft/microsoft-graph-client", "@azure/identity", "@pnp/cli-microsoft365")
PIP: Final = ("Office365-REST-Python-Client", "O365", "msal", "msgraph-sdk", "azure-identity")
BEGIN, END = "<!-- clients: made by bench/clients/drive.py -->", "<!-- end of clients -->"


def prepare(folder: Path) -> None:
    """Install what is missing, through the ordinary clients."""
    folder.mkdir(parents=True, exist_ok=True)
    if not all((folder / "node_modules" / name).exists() for name in NPM):
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", *NPM], cwd=folder, check=True)
    for name, packages in (("py", PIP), ("az", ("azure-cli",))):
        if not (folder / name).exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
            subprocess.run([str(folder / name / "bin" / "pip"), "install", "-q", *packages], check=True)


def place(server: Threaded, folder: Path) -> tuple[dict[str, str], httpx.Client]:
    """Return where everything is, for the clients; and a client for the knobs."""
    known: dict[str, str] = yaml.safe_load((server.home / "connection.yaml").read_text("utf-8"))
    page = httpx.Client(verify=ssl.create_default_context(cafile=known["ca_bundle"]), trust_env=False)
    users = {u["displayName"]: u for u in page.get(f"{server.url}/_demo/state").json()["users"]}
    page.put(f"{server.url}/_demo/sign-in", json={"interval": 1})
    known |= {"ada": users["Ada Empty"]["id"], "person": users["Hugo Admin"]["userPrincipalName"]}
    (folder / "place.json").write_text(json.dumps(known), encoding="utf-8")
    return known, page


def environment(known: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the environment in which every client trusts the demo tenant and finds it."""
    ca = known["ca_bundle"]
    told = {"NODE_EXTRA_CA_CERTS": ca, "REQUESTS_CA_BUNDLE": ca, "SSL_CERT_FILE": ca}
    told |= {"PLACE": str(folder / "place.json"), "TMPDIR": str(folder), "AZURE_CONFIG_DIR": str(folder / "azure")}
    told |= {"GRAPH": known["graph_url"], "AUTHORITY": known["authority_url"], "TENANT": known["tenant_id"]}
    told |= {"AZURE_CORE_INSTANCE_DISCOVERY": "false", "AZURE_CORE_COLLECT_TELEMETRY": "false"}
    told |= {"LEAD": str(HERE / "lead.cjs")}
    told |= {"CLIENT": known["client_id"], "CERTIFICATE": known["certificate_path"], "ADA": known["ada"]}
    return {**os.environ, **told, "PATH": f"{folder / 'az' / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def run(
    command: list[str], where: Path, env: dict[str, str], known: dict[str, str], page: httpx.Client
) -> dict[str, str]:
    """Run one client; whoever it shows a device code to enters it."""
    child = subprocess.Popen(command, cwd=where, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seen: dict[str, str] = {}
    assert child.stdout is not None
    for line in child.stdout:
        if found := re.search(r"(https://\S+/devicelogin) and enter the code (\w+)", line):
            form = {"otc": found[2], "user": known["person"], "answer": "accept"}
            page.post(found[1], data=form).raise_for_status()
        if line.startswith('["'):
            name, told = json.loads(line)
            seen[name] = told
    child.wait()
    return seen


def drive(folder: Path) -> dict[str, dict[str, str]]:
    """Return what each client saw in each operation."""
    prepare(folder)
    (folder / "graph.mjs").write_text((HERE / "graph.mjs").read_text("utf-8"), encoding="utf-8")
    python, shell = (
        [str(folder / "py" / "bin" / "python"), str(HERE / "python_clients.py")],
        ["sh", str(HERE / "azure_cli.sh")],
    )
    commands = {
        "msal-node (certificate) + Graph client for JavaScript": ["node", "graph.mjs", "msal"],
        "msal-node (device code) + Graph client for JavaScript": ["node", "graph.mjs", "device"],
        "@azure/identity (certificate) + Graph client for JavaScript": ["node", "graph.mjs", "identity"],
        "msgraph-sdk for Python, `GraphServiceClient(credentials=…)`": [*python, "sdk"],
        "Office365-REST-Python-Client": [*python, "office365"],
        "O365": [*python, "o365"],
        "CLI for Microsoft 365, `m365 login --authType certificate`": ["sh", str(HERE / "m365.sh")],
        "azure-cli, `az login --service-principal --certificate`": [*shell, "certificate"],
        "azure-cli, `az login --use-device-code`": [*shell, "device"],
    }
    seen: dict[str, dict[str, str]] = {}
    with Threaded(folder / "home", users=None if (folder / "home" / "tenant.sqlite").exists() else 150) as server:
        known, page = place(server, folder)
        env = environment(known, folder)
        for name, command in commands.items():
            page.post(f"{server.url}/_demo/reset").raise_for_status()
            seen[name] = run(command, folder, env, known, page)
            if name.startswith("azure-cli"):
                seen[name]["doctor"] = doctor(known, folder, env)
            print(name, json.dumps(seen[name]), flush=True)
    return seen


def doctor(known: dict[str, str], folder: Path, env: dict[str, str]) -> str:
    """Return whether `authops doctor` finds all well as whoever signed in to the Azure CLI last, else what it says."""
    names = ("cloud", "tenant_id", "graph_url", "authority_url", "ca_bundle")
    profile = {name: known[name] for name in names} | {"credential": "azure-cli", "client_id": known["client_id"]}
    (folder / "azure-cli.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    command = [sys.executable, "-m", "authops", "doctor", "--connection", str(folder / "azure-cli.yaml")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return "ok" if done.returncode == 0 else " ".join(f"exit {done.returncode} {done.stdout}{done.stderr}".split())


def table(seen: dict[str, dict[str, str]]) -> str:
    """Return the table of clients and operations."""
    head = [f"| client | {' | '.join(OPERATIONS)} |", f"|---|{'---|' * len(OPERATIONS)}"]
    rows = [f"| {name} | {' | '.join(_cell(told.get(each)) for each in OPERATIONS)} |" for name, told in seen.items()]
    return "\n".join([*head, *rows])


def _cell(told: str | None) -> str:
    return "–" if told is None else told if told == "ok" else f"no: {told[:60]}".replace("|", "/")


def main(folder: Path) -> None:
    """Drive every client and write down what they saw."""
    made: Any = table(drive(folder.resolve()))
    text = PAGE.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
