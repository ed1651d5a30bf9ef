"use strict";

/* The page's line to the shop that shows it in a frame: three messages, to one origin, with the nonce it was given. */
const shop = (() => {
  const given = new URLSearchParams(location.hash.slice(1));
  const nonce = given.get("nonce");
  const origin = exactOrigin(given.get("origin"));
  const framed = window.parent !== window && Boolean(nonce && origin);

  /* A target such as "*" would hand the message to anybody, so only a plain origin is one. */
  function exactOrigin(text) {
    try {
      const url = new URL(text);
      return /^https?:$/.test(url.protocol) && url.origin === text ? text : null;
    } catch {
      return null;
    }
  }

  function tell(type, data = {}) {
    if (framed) window.parent.postMessage({ type, data, nonce }, origin);
  }

  /* The shop's script asks, over a channel of its own, whether the page has come up and what is wrong with it. */
  window.addEventListener("message", (event) => {
    const fromShop = framed && event.source === window.parent && event.origin === origin;
    if (!fromShop || event.data?.nonce !== nonce || event.data.type !== "hello" || !event.ports[0]) return;
    event.ports[0].postMessage({ problem: document.querySelector("main")?.dataset.problem || null });
  });

  if (framed) {
    window.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) tell("close_modal");
    });
  }

  function prefill() {
    try {
      return JSON.parse(given.get("prefill")) || {};
    } catch {
      return {};
    }
  }

  return { framed, tell, prefill };
})();
