"use strict";

/* The checkout page: choose, pay, follow the payment to its end, and start again where it failed. */
(() => {
  const page = JSON.parse(document.querySelector("main").dataset.page);
  const words = page.words;
  const STATES = ["pay", "processing", "challenge", "qr", "success", "failure", "closed"];
  const RETRY_MS = 2_000;
  const SLOW_MS = 20_000;
  const LEAVE_MS = 4_000;

  const at = (id) => document.getElementById(id);
  const form = at("pay");
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

  function show(state, { focus = true } = {}) {
    if (!at(state).hidden) return;
    for (const name of STATES) at(name).hidden = name !== state;
    clearTimeout(slowTimer);
    at("processing-slow").hidden = true;
    if (state === "processing") slowTimer = setTimeout(() => { at("processing-slow").hidden = false; }, SLOW_MS);
    window.scrollTo(0, 0);
    if (focus && state !== "pay") at(state).focus({ preventScroll: true });
  }

  /* Choosing */

  const method = () => form.elements.method.value;

  function choose(name) {
    for (const radio of form.querySelectorAll("[name=method]")) {
      radio.checked = radio.value === name;
      at(`${radio.value}-body`).hidden = !radio.checked;
    }
    label();
  }

  function label() {
    const byQr = method() === "upi" && !at("vpa").value.trim();
    const narrow = matchMedia("(pointer: coarse) and (max-width: 46rem)").matches;
    at("pay-label").textContent = !byQr ? words.pay : narrow ? words.payInApp : words.payByQr;
  }

  function chosen(name) {
    return form.querySelector(`[name=${name}]:checked`)?.value || "";
  }

  /* Checking */

  function complain(id, word) {
    const text = word && (words[word] || word);
    const box = at(`${id}-error`);
    const input = at(id);
    if (box) {
      box.hidden = !text;
      box.textContent = text || "";
    }
    if (!input) return;
    if (text) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", `${id}-error`);
    } else {
      input.removeAttribute("aria-invalid");
      if (id !== "cvv") input.removeAttribute("aria-describedby");
    }
  }

  function cardFields() {
    return { number: at("number").value, expiry: at("expiry").value, cvv: at("cvv").value, name: at("name").value };
  }

  function problems() {
    if (method() === "card") return card.problems(cardFields());
    if (method() === "upi") return { vpa: /^$|^[\w.-]{2,256}@[a-z][a-z0-9]{1,63}$/i.test(at("vpa").value.trim()) ? null : "vpaWrong" };
    if (method() === "netbanking") return { "bank-other": bank() ? null : "bankMissing" };
    if (method() === "wallet") return { wallet: chosen("wallet") ? null : "walletMissing" };
    return { form: "methodMissing" };
  }

  function bank() {
    return chosen("bank") || at("bank-other").value;
  }

  /* Shows every problem and goes to the first; true if there is none. */
  function isGood() {
    let first = null;
    for (const [id, problem] of Object.entries(problems())) {
      complain(id, problem);
      if (problem && !first) first = id === "wallet" ? form.querySelector("[name=wallet]") : at(id);
      if (problem && id === "form") return false;
    }
    first?.focus();
    return !first;
  }

  /* Paying */

  function request() {
    const body = { order_id: page.orderId, method: method() };
    if (page.key) body.key = page.key;
    if (body.method === "upi") {
      const vpa = at("vpa").value.trim();
      return vpa ? { ...body, vpa } : { ...body, flow: "qr" };
    }
    if (body.method === "netbanking") return { ...body, bank: bank() };
    if (body.method === "wallet") return { ...body, wallet: chosen("wallet") };
    const { number, expiry, cvv, name } = cardFields();
    const { month, year } = card.expiry(expiry);
    const fields = { number: card.digitsOf(number), expiry_month: month, expiry_year: year, cvv, holder_name: name.trim() };
    return { ...body, card: fields };
  }

  async function pay() {
    complain("form", null);
    if (sending || !isGood()) return;
    sending = true;
    show("processing");
    const body = JSON.stringify(request());
    let answer = null;
    while (!(answer = await send(body))) await connectionOrPause();
    sending = false;
    if (answer.status === 201) return follow((await answer.json()).id);
    refused(answer.status, (await answer.json().catch(() => ({}))).error || {});
  }

  /* The answer, or null where there was none or a server that is just restarting: the same again is safe. */
  async function send(body) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
    try {
      const answer = await fetch(page.payUrl, { method: "POST", headers, body });
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

  const FIELDS = {
    vpa: "vpa", bank: "bank-other", wallet: "wallet", "card.number": "number", "card.expiry_month": "expiry",
    "card.expiry_year": "expiry", "card.cvv": "cvv", "card.holder_name": "name",
  };
  const WORDS = { number: "numberWrong", cvv: "cvvWrong", vpa: "vpaWrong", expiry: "expiryWrong" };

  function refused(status, error) {
    /* Something has happened to the order meanwhile, perhaps in another tab: the server shows what. */
    if (status === 409 || status === 404) return location.reload();
    key = newKey();
    show("pay");
    const field = FIELDS[error.field];
    if (!field) return complain("form", status === 429 ? "tooFast" : error.description || "notSent");
    complain(field, error.code === "EXPIRED_CARD" ? "expired" : WORDS[field] || error.description);
    at(field)?.focus();
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
    if (payment.status === "cancelled") return again();
    show("processing");
  }

  function showQr(payment) {
    if (at("qr-picture").src !== payment.qr_url) at("qr-picture").src = payment.qr_url;
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
    show("success");
    report("payment_success", { paymentId: payment.id, orderId: payment.order_id, signature: payment.signature });
    if (shop.framed) leaveSoon();
  }

  function localTime(at) {
    return new Intl.DateTimeFormat(page.locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
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
    if (at("cvv")) at("cvv").value = "";
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

  function prefill() {
    const given = shop.prefill();
    if (given.name) at("name").value = given.name;
    if (given.vpa && at("vpa")) at("vpa").value = given.vpa;
    choose(page.methods.includes(given.method) ? given.method : page.methods[0]);
  }

  function wireCard() {
    const number = at("number");
    number.addEventListener("input", () => {
      card.keepCaret(number, card.grouped(card.digitsOf(number.value).slice(0, 19)));
      const name = card.network(card.digitsOf(number.value));
      at("mark").firstElementChild.setAttribute("href", `#mark-${name}`);
      at("mark").setAttribute("aria-label", words.networks[name]);
      at("cvv").maxLength = card.cvvLength(name);
    });
    at("expiry").addEventListener("input", (event) => {
      const deleting = (event.inputType || "").startsWith("delete");
      card.keepCaret(at("expiry"), card.typedExpiry(at("expiry").value, deleting));
    });
    at("cvv").addEventListener("input", () => { at("cvv").value = card.digitsOf(at("cvv").value); });
    for (const id of ["number", "expiry", "cvv", "name"]) {
      at(id).addEventListener("blur", () => { if (at(id).value) complain(id, card.problems(cardFields())[id]); });
    }
    at("cvv-help-button").addEventListener("click", (event) => {
      at("cvv-help").hidden = !at("cvv-help").hidden;
      event.currentTarget.setAttribute("aria-expanded", String(!at("cvv-help").hidden));
    });
  }

  function wire() {
    form.addEventListener("submit", (event) => { event.preventDefault(); pay(); });
    form.addEventListener("input", (event) => { if (event.target.id) complain(event.target.id, null); label(); });
    form.addEventListener("change", (event) => {
      if (event.target.name === "method") choose(event.target.value);
      if (event.target.name === "bank") { at("bank-other").value = ""; complain("bank-other", null); }
      if (event.target.name === "wallet") complain("wallet", null);
      if (event.target.id === "bank-other") for (const radio of form.querySelectorAll("[name=bank]")) radio.checked = false;
    });
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
  wireCard();
  prefill();
  if (page.payment) {
    paymentId = page.payment.id;
    if (page.payment.status === "success") succeeded(page.payment);
    else if (!page.payment.error) follow(paymentId);
  }
})();
