"use strict";

/* How a payment goes on: told by the server as it happens, and asked for where nothing is heard. */
function watchPayment(url, query, onChange) {
  const ASK_EVERY_MS = 1_000;
  const ASK_LATER_MS = 4_000;
  const PATIENCE_MS = 20_000;
  /* A stream may be open and yet held back by a proxy, or dead since the phone changed its network. */
  const SILENCE_MS = 3_000;
  const ANSWER_MS = 8_000;
  const began = Date.now();
  let source = null;
  let timer = null;
  let asking = false;
  let stopped = false;

  function seen(payment) {
    if (!stopped) onChange(payment);
  }

  function listen() {
    if (source || stopped) return;
    source = new EventSource(`${url}/live${query}`);
    source.onmessage = (event) => {
      askIn(SILENCE_MS);
      seen(JSON.parse(event.data));
    };
    source.onerror = hangUp;
    askIn(SILENCE_MS);
  }

  function hangUp() {
    source?.close();
    source = null;
    ask();
  }

  async function ask() {
    if (stopped || asking) return;
    asking = true;
    try {
      const answer = await fetch(url + query, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.ok) seen(await answer.json());
    } catch {
      /* Offline: the next question may get through. */
    }
    asking = false;
    askIn(source ? SILENCE_MS : Date.now() - began < PATIENCE_MS ? ASK_EVERY_MS : ASK_LATER_MS);
  }

  function askIn(waitMs) {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(ask, waitMs);
  }

  /* A browser has six connections to a server, so a page that nobody looks at keeps none, and only asks. */
  function attend() {
    if (document.hidden) hangUp();
    else listen();
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    source?.close();
    window.removeEventListener("online", ask);
    document.removeEventListener("visibilitychange", attend);
  }

  window.addEventListener("online", ask);
  document.addEventListener("visibilitychange", attend);
  attend();
  return stop;
}
