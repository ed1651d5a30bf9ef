"use strict";

/* The checkout page: choose, pay, follow the payment to its end, and start again where it failed. */
(() => {
  const page = JSON.parse(document.querySelector("main").dataset.page);
  const STATES = ["pay", "processing", "challenge", "qr", "success", "failure", "closed"];
  const LEAVABLE = ["pay", "failure", "closed"];
  const RETRY_MS = 2_000;
  const ANSWER_MS = 15_000;
  const SLOW_MS = 20_000;
  const LEAVE_MS = 4_000;

  const at = (id) => document.getElementById(id);
  const form = payForm(page);
  let key = newKey();
  let sending = false;
  let stopWatching = null;
  let paymentId = null;
  let slowTimer = null;
  let reported = null;

  /* The same key until the server has given a definite answer, so that sending twice is paying once. */
  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function show(state) {
    if (!at(state).hidden) return;
    for (const name of STATES) at(name).hidden = name !== state;
    if (at("back")) at("back").hidden = !LEAVABLE.includes(state);
    clearTimeout(slowTimer);
    at("processing-slow").hidden = true;
    if (state === "processing") slowTimer = setTimeout(() => { at("processing-slow").hidden = false; }, SLOW_MS);
    window.scrollTo(0, 0);
    if (state !== "pay") at(state).focus({ preventScroll: true });
  }

  /* Paying */

  async function pay() {
    form.complain("form", null);
    if (sending || !form.isGood()) return;
    sending = true;
    show("processing");
    const body = JSON.stringify(form.request());
    let answer = null;
    while (!(answer = await send(body))) await connectionOrPause();
    sending = false;
    if (answer.status === 201) {
      at("cvv").value = "";
      return follow((await answer.json()).id);
    }
    refused(answer.status, (await answer.json().catch(() => ({}))).error || {});
  }

  /* The answer, or null where there was none or a server that is just restarting: the same again is safe. */
  async function send(body) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
    try {
      if (!await form.becomeKnown()) return null;
      const answer = await fetch(page.payUrl, { method: "POST", headers, body, signal: AbortSignal.timeout(ANSWER_MS) });
      return answer.status >= 500 ? null : answer;
    } catch {
      return null;
    }
  }

  function connectionOrPause() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      window.addEventListener("online", () => { clearTimeout(timer); resolve(); }, { once: true });
    });
  }

  function refused(status, error) {
    /* Something has happened to the order meanwhile, perhaps in another tab: the server shows what. */
    if (status === 409 || status === 404 || error.reason === "too_many_attempts") return location.reload();
    key = newKey();
    show("pay");
    form.refuse(status, error);
  }

  /* Following */

  function follow(id) {
    paymentId = id;
    stopWatching?.();
    stopWatching = watchPayment(`${page.paymentsUrl}/${id}`, page.query, changed);
  }

  function changed(payment) {
    if (payment.flow === "qr" && ["pending", "processing", "requires_action"].includes(payment.status)) return showQr(payment);
    if (payment.status === "requires_action") return challenge(payment);
    if (payment.status === "success") return succeeded(payment);
    if (payment.status === "failed") return failed(payment);
    if (payment.status === "cancelled") return payment.closed ? location.reload() : again();
    show("processing");
  }

  function showQr(payment) {
    if (at("qr-picture").getAttribute("src") !== payment.qr_url) at("qr-picture").src = payment.qr_url;
    at("qr-link").href = payment.action_url;
    show("qr");
  }

  function challenge(payment) {
    const frame = at("challenge-frame");
    if (!frame.src) frame.src = payment.action_url;
    show("challenge");
  }

  function succeeded(payment) {
    stopWatching?.();
    at("receipt-id").textContent = payment.id;
    at("receipt-method").textContent = payment.paid_with;
    at("receipt-date").dateTime = payment.at;
    at("receipt-date").textContent = localTime(payment.at);
    at("done").href = backToShop(payment);
    at("done").hidden = !(shop.framed || page.returnUrl);
    if (!page.described) at("due-label").textContent = page.words.paid;
    show("success");
    report("payment_success", { paymentId: payment.id, orderId: payment.order_id, signature: payment.signature });
    if (shop.framed) leaveSoon();
  }

  function localTime(at) {
    return new Intl.DateTimeFormat(`${page.locale}-IN`, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
  }

  /* The proof goes along, so that the shop's server can check it. */
  function backToShop({ id, order_id, signature }) {
    if (!page.returnUrl) return "";
    const url = new URL(page.returnUrl);
    for (const [name, value] of Object.entries({ payment_id: id, order_id, signature })) url.searchParams.set(name, value);
    return url.href;
  }

  function failed(payment) {
    stopWatching?.();
    at("challenge-frame").removeAttribute("src");
    at("error-message").textContent = payment.error.description;
    if (payment.closed) at("failure-hint").textContent = payment.closed.text;
    at("retry").hidden = Boolean(payment.closed);
    show("failure");
    const { code, description } = payment.error;
    report("payment_failed", { code, description, paymentId: payment.id });
  }

  function report(type, data) {
    if (reported === data.paymentId) return;
    reported = data.paymentId;
    shop.tell(type, data);
  }

  /* The modal goes by itself, unless the customer is looking at the receipt. */
  function leaveSoon() {
    const timer = setTimeout(() => shop.tell("close_modal"), LEAVE_MS);
    for (const sign of ["pointerdown", "keydown"]) window.addEventListener(sign, () => clearTimeout(timer), { once: true });
  }

  function again() {
    stopWatching?.();
    at("challenge-frame").removeAttribute("src");
    key = newKey();
    paymentId = null;
    show("pay");
    at("pay-button").focus({ preventScroll: true });
  }

  async function giveUp() {
    const button = at("qr-cancel");
    button.disabled = true;
    try {
      await fetch(`${page.paymentsUrl}/${paymentId}/cancel`, { method: "POST" });
    } catch {
      at("offline").hidden = false;
    }
    button.disabled = false;
  }

  /* Wiring */

  function wire() {
    form.wire(pay);
    form.prefill(shop.prefill());
    at("retry").addEventListener("click", again);
    at("qr-cancel").addEventListener("click", giveUp);
    at("print").addEventListener("click", () => window.print());
    at("done").addEventListener("click", (event) => {
      if (!shop.framed) return;
      event.preventDefault();
      shop.tell("close_modal");
    });
    for (const link of document.querySelectorAll("[data-keep-fragment]")) link.href += location.hash;
  }

  function connection() {
    at("offline").hidden = navigator.onLine;
  }

  window.addEventListener("online", connection);
  window.addEventListener("offline", connection);
  /* Back and forward show a page as it was left; what has become of the payment meanwhile, the server knows. */
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  connection();
  wire();
  if (page.openInS) setTimeout(() => location.reload(), page.openInS * 1_000);
  if (page.payment) {
    paymentId = page.payment.id;
    if (page.payment.status === "success") succeeded(page.payment);
    else if (!page.payment.error) follow(paymentId);
  }
})();
