"use strict";

/* How a payment goes on: told by the server as it happens, or asked for where that is not possible. */
function watchPayment(url, query, onChange) {
  const ASK_EVERY_MS = 1_000;
  const ASK_LATER_MS = 4_000;
  const PATIENCE_MS = 20_000;
  const began = Date.now();
  let source = null;
  let timer = null;
  let stopped = false;

  function seen(payment) {
    if (!stopped) onChange(payment);
  }

  function listen() {
    source = new EventSource(`${url}/live${query}`);
    source.onmessage = (event) => seen(JSON.parse(event.data));
    source.onerror = () => {
      source.close();
      source = null;
      ask();
    };
  }

  async function ask() {
    if (stopped) return;
    try {
      const answer = await fetch(url + query, { cache: "no-store" });
      if (answer.ok) seen(await answer.json());
    } catch {
      /* Offline: the next question may get through. */
    }
    if (stopped) return;
    timer = setTimeout(ask, Date.now() - began < PATIENCE_MS ? ASK_EVERY_MS : ASK_LATER_MS);
  }

  function askNow() {
    if (source || stopped) return;
    clearTimeout(timer);
    ask();
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    source?.close();
    window.removeEventListener("online", askNow);
  }

  window.addEventListener("online", askNow);
  if ("EventSource" in window) listen();
  else ask();
  return stop;
}
