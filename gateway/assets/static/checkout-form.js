"use strict";

/* The form of the checkout: choosing a way to pay, filling it in, and being told what is wrong with it. */
function payForm(page) {
  const words = page.words;
  const VPA = /^[\w.-]{2,256}@[a-z][a-z0-9]{1,63}$/i;
  const at = (id) => document.getElementById(id);
  const form = at("pay");
  const saved = savedCards(page, form, complain);

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
    const byQr = method() === "upi" && !vpa();
    const narrow = matchMedia("(pointer: coarse) and (max-width: 46rem)").matches;
    at("pay-label").textContent = !byQr ? words.pay : narrow ? words.payInApp : words.payByQr;
  }

  const vpa = () => at("vpa").value.trim();

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
    if (method() === "card" && saved.token()) return { cvv: card.cvvProblem(at("cvv").value, saved.network()) };
    if (method() === "card") return card.problems(cardFields());
    if (method() === "upi") return { vpa: !vpa() || VPA.test(vpa()) ? null : "vpaWrong" };
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

  /* What the server is asked for */

  function request() {
    const body = { order_id: page.orderId, method: method() };
    if (page.key) body.key = page.key;
    if (body.method === "upi") {
      return vpa() ? { ...body, vpa: vpa() } : { ...body, flow: "qr" };
    }
    if (body.method === "netbanking") return { ...body, bank: bank() };
    if (body.method === "wallet") return { ...body, wallet: chosen("wallet") };
    const { number, expiry, cvv, name } = cardFields();
    if (saved.token()) return { ...body, token: saved.token(), cvv };
    const { month, year } = card.expiry(expiry);
    const fields = { number: card.digitsOf(number), expiry_month: month, expiry_year: year, cvv, holder_name: name.trim() };
    return saved.wanted() ? { ...body, card: fields, save_card: true } : { ...body, card: fields };
  }

  const FIELDS = {
    vpa: "vpa", bank: "bank-other", wallet: "wallet", "card.number": "number", "card.expiry_month": "expiry",
    "card.expiry_year": "expiry", "card.cvv": "cvv", "card.holder_name": "name",
    cvv: "cvv", save_card: "save",
  };
  const WORDS = { number: "numberWrong", cvv: "cvvWrong", vpa: "vpaWrong", expiry: "expiryWrong", save: "notSaved" };

  /* Shows what the server found wrong, at the field it is about. */
  function refuse(status, error) {
    const field = FIELDS[error.field];
    if (!field || !at(field)) return complain("form", status === 429 ? "tooFast" : error.description || "notSent");
    complain(field, error.code === "EXPIRED_CARD" ? "expired" : WORDS[field] || error.description);
    at(field).focus();
  }

  /* Wiring */

  /* A complaint that appears while the button is pressed would move the button away from under the finger. */
  let pressing = false;
  at("pay-button").addEventListener("pointerdown", () => { pressing = true; });
  for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => { pressing = false; });

  function wireCard() {
    const number = at("number");
    number.addEventListener("input", () => {
      card.keepCaret(number, card.grouped(card.digitsOf(number.value).slice(0, 19)));
      const name = card.network(card.digitsOf(number.value));
      at("mark").firstElementChild.setAttribute("href", `#mark-${name}`);
      at("mark").setAttribute("aria-label", words.networks[name]);
      at("cvv").maxLength = card.cvvLength(name);
    });
    saved.wire();
    at("expiry").addEventListener("input", (event) => {
      const deleting = (event.inputType || "").startsWith("delete");
      card.keepCaret(at("expiry"), card.typedExpiry(at("expiry").value, deleting));
    });
    at("cvv").addEventListener("input", () => { at("cvv").value = card.digitsOf(at("cvv").value); });
    for (const id of ["number", "expiry", "cvv", "name"]) {
      at(id).addEventListener("blur", () => { if (at(id).value && !pressing) complain(id, card.problems(cardFields())[id]); });
    }
    at("cvv-help-button").addEventListener("click", (event) => {
      at("cvv-help").hidden = !at("cvv-help").hidden;
      event.currentTarget.setAttribute("aria-expanded", String(!at("cvv-help").hidden));
    });
  }

  function wire(onSubmit) {
    form.addEventListener("submit", (event) => { event.preventDefault(); onSubmit(); });
    form.addEventListener("input", (event) => { if (event.target.id) complain(event.target.id, null); label(); });
    form.addEventListener("change", (event) => {
      if (event.target.name === "method") choose(event.target.value);
      if (event.target.name === "bank") { at("bank-other").value = ""; complain("bank-other", null); }
      if (event.target.name === "wallet") complain("wallet", null);
      if (event.target.id === "bank-other") for (const radio of form.querySelectorAll("[name=bank]")) radio.checked = false;
    });
    wireCard();
  }

  /* What the shop knows already of its customer. */
  function prefill(given) {
    if (given.name) at("name").value = given.name;
    if (given.vpa && at("vpa")) at("vpa").value = given.vpa;
    choose(page.methods.includes(given.method) ? given.method : page.methods[0]);
  }

  return { wire, prefill, isGood, request, refuse, complain, becomeKnown: saved.becomeKnown };
}
