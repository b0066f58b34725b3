/** The built extension in Debian's Firefox ESR, on pages with the forum's address from a local server. */

import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { launch } from "puppeteer-core";
import { settings } from "../../scripts/settings.mjs";
import { opened } from "./browser.mjs";

const extension = resolve(import.meta.dirname, "../../dist/firefox");
const UUID = "0b6c9d1e-3a57-4c1f-9d52-2f6a7e1c8b90";

/** A new certificate for the forum's name. */
function certificate(folder) {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=forums.iracing.com", "-addext", "subjectAltName=DNS:forums.iracing.com"];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ],
    { stdio: "ignore" },
  );
  return { key, cert };
}

/**
 * @param backend address that replaces the default one in a copy of the built extension
 * @param settings `sealed`: whether the copy has closed shadow roots, as it is built; `prefs`: preferences of the browser
 */
export async function startFirefox(backend, { sealed = false, prefs = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "pitboard-firefox-"));
  const { key, cert } = certificate(folder);
  let served = "";
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (_, response) => {
    response.setHeader("Content-Type", "text/html");
    // as the forum sends: no inline handlers and no scripts from other sites
    response.setHeader("Content-Security-Policy", "script-src 'nonce-x' 'self'; object-src 'none'; base-uri 'self'");
    response.end(served);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();

  const copy = join(folder, "extension");
  if (sealed) await cp(extension, copy, { recursive: true });
  else await opened(extension, copy);
  for (const script of ["background.js", "content.js", "options.js", "welcome.js"]) {
    const source = await readFile(join(copy, script), "utf8");
    await writeFile(join(copy, script), source.replaceAll("http://127.0.0.1:8765", backend));
  }

  const browser = await launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    headless: true,
    acceptInsecureCerts: true,
    args: ["--remote-allow-system-access"],
    extraPrefsFirefox: {
      "network.dns.localDomains": "forums.iracing.com",
      "network.lna.address_space.public.override": `127.0.0.1:${port}`,
      "extensions.webextensions.uuids": JSON.stringify({ [settings.firefoxId]: UUID }),
      ...prefs,
    },
  });
  await browser.installExtension(copy);
  return {
    /** As an update does: installs the extension over itself. */
    update: () => browser.installExtension(copy),
    /** The options page. `goto` does not end there, so the test waits for a control of the page. */
    async options() {
      const page = await browser.newPage();
      page.goto(`moz-extension://${UUID}/options.html`).catch(() => {});
      await page.waitForFunction(() => document.querySelector("#test"), { timeout: 30_000 });
      return page;
    },
    async page(path, html, width = 1000) {
      served = html;
      const page = await browser.newPage();
      await page.setViewport({ width, height: 900 });
      await page.goto(`https://forums.iracing.com:${port}${path}`);
      return page;
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
