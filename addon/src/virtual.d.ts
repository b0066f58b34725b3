declare module "virtual:messages" {
  /** Message keys, and for each language its messages in the same order, joined by line feeds. */
  const packed: { keys: string[]; languages: Record<string, string> };
  export default packed;
}

declare module "*.css" {
  const css: string;
  export default css;
}

declare const __VERSION__: string;
