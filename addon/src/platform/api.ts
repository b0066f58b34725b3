/** The few extension APIs that we use, as both browsers have them. */

interface StorageArea {
  get(keys: string[] | null): Promise<Record<string, unknown>>;
  set(values: Record<string, unknown>): Promise<void>;
  remove(keys: string[]): Promise<void>;
  getKeys?(): Promise<string[]>;
}

interface Sender {
  id?: string;
  url?: string;
}

interface Event<T extends (...values: never[]) => unknown> {
  addListener(listener: T): void;
}

export interface Extension {
  runtime: {
    id?: string;
    sendMessage(message: unknown): Promise<unknown>;
    onMessage: Event<(message: unknown, sender: Sender, respond: (answer: unknown) => void) => boolean | undefined>;
    getURL(path: string): string;
    openOptionsPage(): Promise<void>;
  };
  storage: {
    local: StorageArea;
    sync: StorageArea;
    session: StorageArea;
    onChanged: Event<(changes: Record<string, { newValue?: unknown }>, area: string) => void>;
  };
  action: { onClicked: Event<() => void> };
  permissions: {
    contains(wanted: { origins: string[] }): Promise<boolean>;
    request(wanted: { origins: string[] }): Promise<boolean>;
  };
}

declare const browser: Extension | undefined;
declare const chrome: Extension;

export const extension: Extension = typeof browser === "undefined" ? chrome : browser;

/** A storage area as a `Shelf`. */
export const shelf = (area: StorageArea) => ({
  read: (keys: string[]) => (keys.length ? area.get(keys) : Promise.resolve({})),
  write: (values: Record<string, unknown>) => area.set(values),
  remove: (keys: string[]) => area.remove(keys),
  keys: async () => (area.getKeys ? area.getKeys() : Object.keys(await area.get(null))),
});
