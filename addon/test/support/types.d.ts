declare module "*/support/drivers.mjs" {
  // biome-ignore lint/suspicious/noExplicitAny: tests put wrong types into these on purpose
  export function driver(n: number, name?: string, now?: number): any;
  export const NAMES: string[];
}
