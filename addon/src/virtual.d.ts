declare module "virtual:messages" {
  /** Message keys, separated by spaces, and the messages in the same order, by line feeds: English, and the others packed. */
  const packed: { keys: string; en: string; others: string };
  export default packed;
}

declare module "virtual:surfaces" {
  /** One entry for each file in `src/site/surfaces`; the id is the file's name. */
  const files: (import("./site/surface.ts").Surface & { id: string })[];
  export default files;
}

declare module "*.css" {
  const css: string;
  export default css;
}

declare module "virtual:surface-names" {
  const names: { id: string; order: number; byDefault: boolean }[];
  export default names;
}
