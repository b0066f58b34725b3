/** Makes DOM nodes. Text is always added as text: the addon parses no markup. */

type Child = Node | string | number | null | undefined | false;
type Props = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

const SVG = "http://www.w3.org/2000/svg";

function fill(element: Element, props: Props, children: Child[]): void {
  for (const key in props) {
    const value = props[key];
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), trusted(value));
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

const originals = new Map<string, Element>();
/** More than the parts of the addon and all countries need: a key may have text of the backend's. */
const MOST_ORIGINALS = 500;

/**
 * A copy of an element that is made once for each `key`. A page has many of the same, and a copy is several times faster
 * than new nodes.
 */
export function copyOf<T extends Element>(key: string, make: () => T): T {
  let original = originals.get(key) as T | undefined;
  if (!original) {
    if (originals.size >= MOST_ORIGINALS) originals.clear();
    original = make();
    originals.set(key, original);
  }
  return original.cloneNode(true) as T;
}

/** A listener that ignores events that a script has made: only the reader changes something. */
export const trusted =
  (run: (event: never) => void): ((event: Event) => void) =>
  (event) => {
    if (event.isTrusted) run(event as never);
  };

/** An HTML element. A function as prop (`onclick`) is an event listener. null, undefined and false are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, props, children);
  return element;
}

/** A button that does not submit a form. */
export const button = (props: Props, ...children: Child[]): HTMLButtonElement =>
  h("button", { type: "button", ...props }, ...children);

/** A link that opens in a new tab, without opener and referrer. */
export const linkOut = (href: string, child: Child): HTMLAnchorElement =>
  h("a", { href, target: "_blank", rel: "noopener noreferrer" }, child);

/** An SVG element. */
export function s(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, tag) as SVGElement;
  fill(element, props, children);
  return element;
}
