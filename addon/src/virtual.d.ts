declare module "virtual:messages" {
  /** Message keys, separated by blanks, and the messages in the same order, by line feeds: English, and the others packed. */
  const packed: { keys: string; en: string; others: string };
  export default packed;
}

declare module "*.css" {
  const css: string;
  export default css;
}

declare const __VERSION__: string;
