"use strict";

/* The demo shop's page: buys with the checkout, and tells every step of it. */
(() => {
  const LISTEN_EVERY_MS = 700;
  const steps = document.getElementById("steps");
  const orders = new Set();
  let heard = 0;

  function tell(who, title, what, shown) {
    steps.querySelector(".step-waiting")?.remove();
    const step = document.getElementById("step").content.cloneNode(true);
    step.querySelector(".step").classList.add(`by-${who.toLowerCase().split(" ")[0]}`);
    step.querySelector(".who").textContent = who;
    step.querySelector("h2").textContent = title;
    step.querySelector(".what").textContent = what;
    if (shown) {
      step.querySelector("pre").hidden = false;
      step.querySelector("code").textContent = JSON.stringify(shown, null, 1).replace(/\n\s*/g, " ");
    }
    steps.append(step);
  }

  async function post(path, body) {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return answer.json();
  }

  async function buy(tea) {
    const order = await post("/order", { tea });
    if (order.error) return tell("Shop", "The order could not be made", order.error);
    orders.add(order.id);
    const { id, amount, currency, status } = order;
    tell("Shop server", "Made an order", "POST /api/v1/orders with the API secret, which never leaves the server", { id, amount, currency, status });
    new PaymentGateway({
      key: document.body.dataset.key,
      orderId: order.id,
      prefill: { name: "Asha Rao" },
      onSuccess: verify,
      onFailure: (failure) => tell("Browser", "onFailure", "The modal stays, so that the customer can try again", failure),
      onClose: closed,
    }).open();
  }

  function closed() {
    tell("Browser", "onClose", "The modal is gone");
    if (steps.getBoundingClientRect().top > innerHeight) steps.scrollIntoView({ behavior: "smooth" });
  }

  async function verify(paid) {
    tell("Browser", "onSuccess", "The page has this from the checkout; the shop must not believe it yet", paid);
    const { genuine } = await post("/verify", paid);
    tell("Shop server", genuine ? "Signature is genuine: tea is packed" : "Signature is wrong: nothing is sent", "HMAC-SHA256(secret, orderId|paymentId), compared on the server");
  }

  async function listen() {
    try {
      for (const event of await (await fetch(`/heard?since=${heard}`)).json()) {
        heard = event.number;
        const about = event.data.payment || event.data.order || event.data.refund || {};
        if (!orders.has(about.order_id) && !orders.has(about.id)) continue;
        tell("Webhook", event.event, "Signature checked; the shop knows it even if the browser was closed", { id: about.id, status: about.status, amount: about.amount });
      }
    } catch {
      /* The gateway restarts; the next round may find it. */
    }
    setTimeout(listen, LISTEN_EVERY_MS);
  }

  for (const button of document.querySelectorAll(".buy")) button.addEventListener("click", () => buy(button.dataset.tea));
  listen();
})();
