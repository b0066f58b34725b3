import { defineConfig } from "vitest/config";
import { virtualModules } from "./test/support/virtual.mjs";

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [virtualModules()],
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          environment: "happy-dom",
          // a click on a link would ask for the page that it leads to
          environmentOptions: { happyDOM: { settings: { navigation: { disableMainFrameNavigation: true } } } },
          setupFiles: ["test/support/dom.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "browsers",
          include: ["test/browsers/**/*.test.ts"],
          fileParallelism: false,
          expect: { poll: { timeout: 30_000 } }, // as long as Playwright waits; a second is little on a busy machine
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
