/*! Gateway checkout 1.0.0: shows the payment page in a modal over the shop's own page. */
(() => {
  "use strict";

  const own = document.currentScript || [...document.scripts].find(({ src }) => /\/checkout(-[\d.]+)?\.js/.test(src));
  const home = new URL(own.src).origin;
  const ID = "payment-gateway-modal";
  const MESSAGES = ["payment_success", "payment_failed", "close_modal"];
  const ANSWER_MS = 3_000; // after the frame has loaded
  const LOAD_MS = 20_000;
  const WORDS = {
    en: { dialog: "Payment", loading: "Opening the secure payment page…", close: "Close",
      offline: "The payment page cannot be reached. Please check your connection.", retry: "Try again" },
    hi: { dialog: "भुगतान", loading: "सुरक्षित भुगतान पृष्ठ खुल रहा है…", close: "बंद करें",
      offline: "भुगतान पृष्ठ तक पहुँचा नहीं जा सका। कृपया अपना इंटरनेट कनेक्शन जाँचें।", retry: "फिर से कोशिश करें" },
  };
  const M = `#${ID}`;
  const STYLE = `
${M},${M} *{box-sizing:border-box;margin:0;letter-spacing:normal;text-transform:none;float:none}
${M}{position:fixed;inset:0;z-index:2147483647;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;color-scheme:light dark}
${M} .modal-overlay{position:absolute;inset:0;display:grid;place-items:center;padding:24px;background:rgb(11 14 20/62%);opacity:1;animation:pg-fade .18s ease-out}
${M} .modal-content{position:relative;display:block;width:100%;max-width:460px;height:100%;max-height:760px;padding:0;border:0;border-radius:16px;overflow:hidden;background:light-dark(#fff,#161a22);color:light-dark(#141922,#e8ebf1);box-shadow:0 24px 64px rgb(0 0 0/35%);animation:pg-rise .18s ease-out}
${M} iframe{position:absolute;inset:0;display:block;width:100%;height:100%;border:0;opacity:0;transition:opacity .12s}
${M}[data-state=ready] iframe{opacity:1}
${M} button{appearance:none;cursor:pointer;font:inherit;min-width:0;width:auto;text-shadow:none;box-shadow:none}
${M} [data-test-id=close-modal-button]{position:absolute;top:14px;inset-inline-end:14px;z-index:1;display:grid;place-items:center;width:36px;height:36px;padding:0;border:1px solid light-dark(#e1e5eb,#2a313d);border-radius:50%;background:light-dark(#fff,#1d222c);color:light-dark(#545e6e,#a4adbb);font-size:24px;line-height:1}
${M} [data-test-id=close-modal-button]:hover{background:light-dark(#e1e5eb,#2a313d);color:inherit}
${M} button:focus-visible{outline:2px solid light-dark(#2b49c9,#9db1ff);outline-offset:2px}
${M} .pg-wait{position:absolute;inset:0;display:grid;align-content:center;justify-items:center;gap:16px;padding:32px;text-align:center}
${M}[data-state=ready] .pg-wait{visibility:hidden}
${M} .pg-wait i{display:block;width:40px;height:40px;border:4px solid light-dark(#e1e5eb,#2a313d);border-top-color:light-dark(#3150d6,#9db1ff);border-radius:50%;animation:pg-turn .9s linear infinite}
${M} .pg-wait button{display:none;padding:10px 20px;border:1px solid light-dark(#838d9d,#6a7484);border-radius:6px;background:none;color:inherit}
${M}[data-state=offline] .pg-wait i{display:none}
${M}[data-state=offline] .pg-wait button{display:block}
${M}[data-state=offline] iframe{display:none}
${M} .pg-edge{position:absolute;width:1px;height:1px;overflow:hidden}
@keyframes pg-fade{from{opacity:0}}
@keyframes pg-rise{from{transform:translateY(12px)}}
@keyframes pg-turn{to{transform:rotate(1turn)}}
@media (max-width:520px),(max-height:500px){${M} .modal-overlay{padding:0}${M} .modal-content{max-width:none;max-height:none;border-radius:0}}
@media (prefers-reduced-motion:reduce){${M} *{animation-duration:1ms!important}}`;

  let open = null; // the instance whose modal is on the page
  let sheet = null;

  function explain(text) {
    console.error(`PaymentGateway: ${text}`);
  }

  /* A constructed style sheet is allowed where the shop's policy forbids inline styles. */
  function dress() {
    sheet ??= new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    if (!document.adoptedStyleSheets.includes(sheet)) document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function randomHex() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /* One line for the developer for everything that is wrong with the options; true if nothing is. */
  function isUsable({ key, orderId }) {
    const wrong = [];
    if (!/^key_(test|live)_\w+$/.test(key || "")) wrong.push("`key` must be your API key, such as key_test_… (never the secret).");
    if (/^secret_/.test(key || "")) wrong.push("This is an API secret. It must never be in a web page: revoke it now.");
    if (!/^order_\w+$/.test(orderId || "")) wrong.push("`orderId` must be the id of an order that your server made, such as order_….");
    if (!document.body) wrong.push("`open()` was called before the page had a body. Call it later, such as on a click.");
    wrong.forEach(explain);
    return !wrong.length;
  }

  class PaymentGateway {
    constructor(options = {}) {
      this.options = { ...options };
      const wanted = String(this.options.locale || document.documentElement.lang || navigator.language || "en").slice(0, 2);
      this.words = WORDS[wanted] || WORDS.en;
    }

    open() {
      if (open === this) return this;
      if (!isUsable(this.options)) return this;
      open?.close();
      open = this;
      dress();
      this.paid = false;
      this.nonce = randomHex();
      this.before = document.activeElement;
      this.build();
      this.hold();
      this.load();
      return this;
    }

    close() {
      if (open !== this) return;
      open = null;
      clearTimeout(this.timer);
      this.channel?.port1.close();
      window.removeEventListener("message", this.onMessage);
      document.removeEventListener("keydown", this.onKey);
      this.modal.remove();
      for (const other of this.quieted) other.inert = false;
      document.documentElement.style.overflow = this.overflow;
      document.documentElement.style.scrollbarGutter = this.gutter;
      this.before?.focus?.({ preventScroll: true });
      this.call("onClose");
    }

    /* The page */

    address(embedded) {
      const { key, orderId, theme, locale, prefill } = this.options;
      const url = new URL("/checkout", home);
      const { color, mode } = typeof theme === "string" ? { [theme[0] === "#" ? "color" : "mode"]: theme } : theme || {};
      const named = { order_id: orderId, key, locale, color, theme: mode };
      if (embedded) named.embed = 1;
      else named.return_url = location.href.split("#")[0];
      for (const [name, value] of Object.entries(named)) if (value) url.searchParams.set(name, value);
      // Behind the # it stays in the browser and out of every log.
      const kept = { prefill: JSON.stringify(prefill || {}) };
      if (embedded) Object.assign(kept, { origin: location.origin, nonce: this.nonce });
      url.hash = new URLSearchParams(kept);
      return url.href;
    }

    build() {
      const edge = (to) => {
        const made = element("div", { class: "pg-edge", tabindex: "0", "aria-hidden": "true" });
        made.addEventListener("focus", () => to().focus());
        return made;
      };
      this.frame = element("iframe", { "data-test-id": "payment-iframe", title: this.words.dialog, allow: "payment", referrerpolicy: "strict-origin" });
      const close = element("button", { type: "button", "data-test-id": "close-modal-button", "aria-label": this.words.close }, "×");
      close.addEventListener("click", () => this.close());
      const retry = element("button", { type: "button" }, this.words.retry);
      retry.addEventListener("click", () => this.load());
      this.said = element("p", { role: "status" }, this.words.loading);
      const wait = element("div", { class: "pg-wait" }, element("i", {}), this.said, retry);
      const content = element("div", { class: "modal-content" }, wait, this.frame, close);
      const overlay = element("div", { class: "modal-overlay" }, edge(() => close), content, edge(() => this.frame));
      overlay.addEventListener("pointerdown", (event) => { if (event.target === overlay) event.preventDefault(); });
      this.modal = element("div", { id: ID, "data-test-id": "payment-modal", role: "dialog", "aria-modal": "true", "aria-label": this.words.dialog }, overlay);
      const mode = this.options.theme?.mode || this.options.theme;
      if (mode === "dark" || mode === "light") this.modal.style.colorScheme = mode;
      this.frame.addEventListener("load", () => this.greet());
    }

    /* Takes the page over: nothing behind the modal can be reached, scrolled or read. */
    hold() {
      const root = document.documentElement;
      [this.overflow, this.gutter] = [root.style.overflow, root.style.scrollbarGutter];
      if (innerWidth > root.clientWidth) root.style.scrollbarGutter = "stable";
      root.style.overflow = "hidden";
      this.quieted = [...document.body.children].filter((other) => !other.inert && other.tagName !== "SCRIPT");
      for (const other of this.quieted) other.inert = true;
      document.body.append(this.modal);
      this.onMessage = (event) => this.hear(event);
      this.onKey = (event) => { if (event.key === "Escape") this.close(); };
      window.addEventListener("message", this.onMessage);
      document.addEventListener("keydown", this.onKey);
      this.modal.querySelector("button[data-test-id]").focus({ preventScroll: true });
    }

    load() {
      if (!navigator.onLine) return this.offline();
      this.modal.dataset.state = "loading";
      this.said.textContent = this.words.loading;
      this.answered = false;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.offline(), LOAD_MS);
      this.frame.src = this.address(true);
    }

    /* Asks the frame whether it is our page; a frame that was blocked or failed to load has nobody to answer. */
    greet() {
      if (open !== this || !this.frame.src) return;
      clearTimeout(this.timer);
      this.channel?.port1.close();
      this.channel = new MessageChannel();
      this.channel.port1.onmessage = ({ data }) => this.ready(data.problem);
      this.frame.contentWindow.postMessage({ type: "hello", nonce: this.nonce }, home, [this.channel.port2]);
      if (!this.answered) this.timer = setTimeout(() => this.probe(), ANSWER_MS);
    }

    ready(problem) {
      clearTimeout(this.timer);
      const first = !this.answered;
      this.answered = true;
      this.modal.dataset.state = "ready";
      if (first) this.frame.focus();
      if (problem) explain(`${problem} (order ${this.options.orderId}, key ${this.options.key}) Order and key must belong to the same account and mode.`);
    }

    /* The way is open but the frame is not: this origin may not show it, so the customer goes to the page itself. */
    probe() {
      const script = element("script", { src: `${home}/checkout.js?probe=${Date.now()}` });
      script.addEventListener("error", () => { script.remove(); this.offline(); });
      script.addEventListener("load", () => {
        script.remove();
        if (open !== this || this.answered) return;
        explain(`the payment page may not be shown in a frame on ${location.origin}. Add this origin to the allowed origins in the dashboard's settings, and ${home} to frame-src where your pages have a Content-Security-Policy. Going to the payment page instead.`);
        location.assign(this.address(false));
      });
      document.head.append(script);
    }

    offline() {
      if (open !== this) return;
      this.modal.dataset.state = "offline";
      this.said.textContent = this.words.offline;
    }

    /* Messages */

    hear({ origin, source, data }) {
      const genuine = origin === home && source === this.frame.contentWindow && data?.nonce === this.nonce;
      if (!genuine || !MESSAGES.includes(data.type)) return;
      if (data.type === "payment_success") this.succeed(data.data);
      if (data.type === "payment_failed") this.call("onFailure", data.data);
      if (data.type === "close_modal") this.close();
    }

    /* A page that is loaded anew, as in another language, tells it anew; the shop needs it once. */
    succeed(paid) {
      if (this.paid) return;
      this.paid = true;
      this.call("onSuccess", paid);
    }

    call(name, ...told) {
      if (typeof this.options[name] !== "function") return;
      try {
        this.options[name](...told);
      } catch (error) {
        setTimeout(() => { throw error; }); // the shop's mistake is the shop's to see, and not the modal's end
      }
    }
  }

  window.PaymentGateway ??= PaymentGateway;
})();
