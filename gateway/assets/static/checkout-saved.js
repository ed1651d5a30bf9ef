"use strict";

/* Cards that the customer agreed to have kept: choosing one, removing one, and agreeing to keep another. */
function savedCards(page, form, complain) {
  const words = page.words;
  const at = (id) => document.getElementById(id);
  const radios = () => [...form.querySelectorAll("[name=saved]")];
  const chosen = () => radios().find((radio) => radio.checked);
  let known = false;

  const token = () => chosen()?.value || "";
  const network = () => chosen()?.dataset.network;
  const wanted = () => form.elements.method.value === "card" && !token() && at("save").checked;

  /* A saved card needs nothing but its CVV. */
  function show() {
    for (const id of ["number", "expiry", "name", "save"]) at(`${id}-field`).hidden = Boolean(token());
    at("cvv").value = "";
    at("cvv").maxLength = card.cvvLength(network() || card.network(card.digitsOf(at("number").value)));
    complain("cvv", null);
  }

  async function remove(button) {
    button.disabled = true;
    const url = `${page.cardsUrl}/${button.dataset.token}`;
    const answer = await fetch(url, { method: "DELETE" }).catch(() => ({ ok: false }));
    /* What is not found is gone already. */
    const gone = answer.ok || answer.status === 404;
    at("saved-note").textContent = gone ? words.removed : words.notRemovable;
    button.disabled = false;
    if (gone) forget(button.closest(".saved-card"));
  }

  function forget(entry) {
    const wasChosen = Boolean(entry.querySelector(":checked"));
    entry.remove();
    if (radios().length === 1) at("saved-cards").hidden = true;
    if (wasChosen || radios().length === 1) choose(radios().find((radio) => !radio.disabled));
    (chosen() && !at("saved-cards").hidden ? chosen() : at("number")).focus();
  }

  function choose(radio) {
    radio.checked = true;
    show();
  }

  /* The browser gets its cookie before the number goes out; false where the server has to be asked again. */
  async function becomeKnown() {
    if (known || !wanted()) return true;
    const place = window.parent === window ? "" : "?framed=1";
    const answer = await fetch(page.customerUrl + place, { method: "POST" });
    known = answer.ok;
    return known;
  }

  function wire() {
    at("save").checked = false;
    for (const radio of radios()) radio.addEventListener("change", show);
    for (const button of form.querySelectorAll("[data-token]")) button.addEventListener("click", () => remove(button));
    if (radios().length) choose(radios().find((radio) => !radio.disabled));
  }

  return { token, network, wanted, becomeKnown, wire };
}
