/** The extension's demo page: the addon with invented drivers, without a backend, the network or an account. */

import { run } from "../app.ts";
import { t, useLanguage } from "../core/i18n.ts";
import type { Answer } from "../core/model.ts";
import { driverOf, historyOf, resultsOf } from "../demo/drivers.ts";
import { fillPage } from "../demo/page.ts";
import { platform, storedOptions } from "../platform/extension.ts";

declare const pitboardCard: unknown;

async function start(): Promise<void> {
  const main = document.querySelector("main");
  if (!main) return;
  await useLanguage((await storedOptions()).language);
  fillPage(main, t("demo_notice"));
  const answer = (name: string): Answer => {
    const driver = driverOf(name, Date.now());
    return driver ? { driver } : { problem: "not_found", retryAfter: null };
  };
  await run({
    ...platform,
    drivers: async (names) => Object.fromEntries(names.map((name) => [name, answer(name)])),
    history: async (custId, category, kind) => historyOf(custId, category, kind, Date.now()),
    races: async (custId) => resultsOf(custId, Date.now()),
    loadCard: async () => pitboardCard,
  });
}

void start();
