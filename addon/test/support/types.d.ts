declare module "*/support/drivers.mjs" {
  // biome-ignore lint/suspicious/noExplicitAny: tests put wrong types into these on purpose
  export function driver(n: number, name?: string, now?: number): any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  export function licencesOnly(driver: any): any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  export function indexed(driver: any, now?: number): any;
  export function mainRating(n: number): number;
  export const NAMES: string[];
  export const SHARED: number;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  export function results(n: number, now?: number): any;
  export function history(n: number, category: string, kind: string, now?: number): object;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  export function cars(): any;
}

declare module "*/support/pages.mjs" {
  type Look = { look?: "light" | "dark"; me?: string };
  type Thread = Look & { posts?: number; authors?: string[]; bodies?: Record<number, string> };
  export function classic(options?: Thread): string;
  export function react(options?: Thread): string;
  export function frame(look: "light" | "dark", title: string, content: string, me?: string): string;
  export function escapeHtml(text: string): string;
  /** The address of a profile page. */
  export function href(name: string): string;
  export const PIXEL: string;
  export const REPLY: string;
  export function comment(n: number, name: string, body?: string): string;
  export function reactPost(n: number, name: string, body?: string): string;
}

declare module "*/support/odd.mjs" {
  type Odd = { html: string; names: string[] };
  export function lazyLoader(): Odd;
  export function reactLoader(): Odd;
  export function deleted(): Odd;
  export function endless(): Odd;
  export function words(): Odd;
  export function rightToLeft(): string;
}

declare module "*/support/backend.mjs" {
  export interface FakeBackend {
    url: string;
    state: {
      asked: string[][];
      calls: { names: string[]; profile: boolean; now: boolean }[];
      index: Set<string>;
      slow: Set<string>;
      histories: number;
      races: number[];
      cars: number;
      answers: Map<string, unknown>;
      fault: "" | "down" | "busy";
      delay: number;
    };
    close(): Promise<void>;
  }
  export function startBackend(): Promise<FakeBackend>;
}

declare module "*/support/browser.mjs" {
  import type { BrowserContext, Page, Worker } from "playwright-core";
  export interface Forum {
    context: BrowserContext;
    worker: Worker;
    id: string;
    setOptions(options: object): Promise<void>;
    page(path: string, html: string, width?: number): Promise<Page>;
    close(): Promise<void>;
  }
  export function startChromium(
    backend: string,
    settings?: {
      options?: object;
      width?: number;
      height?: number;
      extension?: string | false;
      sealed?: boolean;
      flags?: string[];
    },
  ): Promise<Forum>;
  /** How a minified script makes a closed shadow root, and an open one. */
  export const CLOSED: string;
  export const OPEN: string;
}

declare module "*/support/firefox.mjs" {
  import type { Page } from "puppeteer-core";
  export interface Firefox {
    update(): Promise<unknown>;
    page(path: string, html: string, width?: number): Promise<Page>;
    options(): Promise<Page>;
    close(): Promise<void>;
  }
  export function startFirefox(
    backend: string,
    settings?: { sealed?: boolean; prefs?: Record<string, string | number | boolean> },
  ): Promise<Firefox>;
}

declare module "*/scripts/html.mjs" {
  export function htmlOf(markdown: string): string;
}

declare module "*/scripts/release.mjs" {
  export function sources(): Promise<Map<string, Buffer>>;
  export function builtFromSources(files: Map<string, Buffer>): Promise<string>;
}

declare module "*/scripts/settings.mjs" {
  export const settings: Record<string, string>;
  export function refusals(given: Record<string, string>): string[];
}

declare module "*/scripts/build.mjs" {
  /** The folder of the committed userscript and zips. */
  export const USERSCRIPT: string;
  export function locales(): Promise<Record<string, Record<string, { message: string }>>>;
  export function filesFor(browser: string, scripts: Map<string, Buffer>): Promise<Map<string, Buffer>>;
  export function isPacked(browser: string, files: Map<string, Buffer>, folder: string): Promise<boolean>;
  export function extensionScripts(background?: import("esbuild").BuildOptions): Promise<Map<string, Buffer>>;
  export function outputs(): Promise<{ extension: Map<string, Buffer>; userscript: Map<string, Buffer> }>;
  export function keysUsed(source: string, keys: string[]): string[];
}

declare module "*/scripts/zip.mjs" {
  export function zip(files: Map<string, Buffer>): Buffer;
  export function unzip(data: Buffer): Map<string, Buffer>;
}
