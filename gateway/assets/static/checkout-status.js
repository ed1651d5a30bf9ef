"use strict";

/* How a payment goes on: told by the server as it happens, and asked for where nothing is heard. */
function watchPayment(url, query, onChange) {
  const ASK_EVERY_MS = 1_000;
  const ASK_LATER_MS = 4_000;
  const PATIENCE_MS = 20_000;
  /* A stream may be open and yet held back by a proxy, or dead since the phone changed its network. */
  const SILENCE_MS = 3_000;
  const began = Date.now();
  let source = null;
  let timer = null;
  let asking = false;
  let stopped = false;

  function seen(payment) {
    if (!stopped) onChange(payment);
  }

  function listen() {
    source = new EventSource(`${url}/live${query}`);
    source.onmessage = (event) => {
      askIn(SILENCE_MS);
      seen(JSON.parse(event.data));
    };
    source.onerror = () => {
      source.close();
      source = null;
      ask();
    };
    askIn(SILENCE_MS);
  }

  async function ask() {
    if (stopped || asking) return;
    asking = true;
    try {
      const answer = await fetch(url + query, { cache: "no-store" });
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

  /* Whoever comes back from the UPI app does not wait. */
  function comeBack() {
    if (!document.hidden) ask();
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    source?.close();
    window.removeEventListener("online", ask);
    document.removeEventListener("visibilitychange", comeBack);
  }

  window.addEventListener("online", ask);
  document.addEventListener("visibilitychange", comeBack);
  if ("EventSource" in window) listen();
  else ask();
  return stop;
}
