/** Only in `npm run watch`: the background reloads the extension when there is a newer build on disk. */

const { runtime } = globalThis.browser ?? chrome;

async function check() {
  // a call of the API, so that the browser does not stop the background
  void runtime.getPlatformInfo();
  const latest = await (await fetch(runtime.getURL("build.txt"), { cache: "no-store" })).text();
  if (latest !== BUILD) runtime.reload();
}

setInterval(() => check().catch(() => {}), 1000);
