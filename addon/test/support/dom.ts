/**
 * For the unit tests: shadow roots are open, so that tests see what is in them, and a click by a script counts as the
 * reader's. `test/browsers/sealed.test.ts` tests that both is not so in a browser.
 */

// the tests of the build run without a document
if (typeof Element !== "undefined") {
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) {
    return attach.call(this, { ...init, mode: "open" });
  };
  Object.defineProperty(Event.prototype, "isTrusted", { get: () => true });
}
